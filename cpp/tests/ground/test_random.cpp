// SPDX-License-Identifier: Apache-2.0
#include <initializer_list>
#include <set>

#include "gibbous/ground/random.hpp"
#include "tests/check.hpp"

using namespace gibbous;

namespace {

// Known answers for philox4x32 with 10 rounds, published with the generator (Random123,
// kat_vectors): all zeros, all ones, and the digits of pi.
void known_answers() {
  struct Case {
    philox::Block counter;
    philox::Key key;
    philox::Block expected;
  };
  const Case cases[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                         {0xffffffff, 0xffffffff},
                         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                         {0xa4093822, 0x299f31d0},
                         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (const Case& c : cases) {
    const philox::Block got = philox::block(c.counter, c.key);
    for (int i = 0; i < 4; ++i)
      CHECK(got[i] == c.expected[i], "word " << i << " is " << std::hex << got[i]);
  }
}

// Every part of the address affects the counter or the key, including both halves of 64-bit parts.
void addresses() {
  const std::uint64_t high = std::uint64_t{1} << 40;
  std::set<philox::Block> seen;
  for (std::uint64_t seed : {std::uint64_t{1}, high})
    for (std::uint32_t purpose : {1u, 2u})
      for (std::uint32_t iteration : {0u, 1u, 0xffffffffu})
        for (std::uint64_t item : {std::uint64_t{0}, std::uint64_t{1}, high})
          seen.insert(Stream(seed, static_cast<Purpose>(purpose)).bits(iteration, item));
  CHECK(seen.size() == 2u * 2u * 3u * 3u, "only " << seen.size() << " different blocks");

  const Stream stream(0x299f31d0a4093822, static_cast<Purpose>(0x03707344));
  CHECK(stream.bits(0x13198a2e, 0x85a308d3243f6a88)[0] == 0xd16cfe09u,
        "the address is not laid out as documented");
}

void uniforms() {
  const Stream stream(2024, Purpose::kmeans_plusplus);
  const int n = 200000;
  double sum = 0, low = 1, high = 0;
  for (int i = 0; i < n; ++i) {
    const double u = stream.uniform(3, i);
    sum += u;
    low = u < low ? u : low;
    high = u > high ? u : high;
  }
  CHECK(low >= 0 && high < 1, "range [" << low << ", " << high << "]");
  // the standard error of the mean is sqrt(1 / 12 / n)
  const double error = (sum / n - 0.5) / 0.28867513459481287 * 447.21359549995793;
  CHECK(error < 5 && error > -5, "mean is " << error << " standard errors from 1/2");
  CHECK(stream.uniform(3, 7) == stream.uniform(3, 7), "a draw depends on more than its address");
}

}  // namespace

int main() {
  return check::run([] {
    known_answers();
    addresses();
    uniforms();
  });
}
