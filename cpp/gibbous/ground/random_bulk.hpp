// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10 on vectors: the words of Stream::bits() for many items at once, in an order that
// does not depend on the vector width.
#pragma once
#include <array>
#include <cstdint>

#include "gibbous/ground/random.hpp"
#include "gibbous/ground/simd.hpp"

namespace gibbous {

// Draws come in groups of 64: word w of items first ... first + 15 at indices 16 w ... 16 w + 15.
inline constexpr int kGroupItems = 16, kGroupWords = 64;

// The draws of one (seed, purpose, iteration), made 64 at a time.
class BulkStream {
 public:
  BulkStream(std::uint64_t seed, Purpose purpose, std::uint32_t iteration)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        iteration_(iteration),
        purpose_(static_cast<std::uint32_t>(purpose)) {}

  // out (64): OUT the group of items that starts at `first`. Of each word only the first `wanted`
  // entries need to be correct, which saves half of the work for layers of few units.
  GIBBOUS_INLINE void group(std::uint64_t first, Index wanted, std::uint32_t* out) const {
    constexpr int lanes = kLanes<std::uint32_t>;
    GIBBOUS_UNROLL
    for (int v = 0; v < kGroupItems; v += lanes) {
      if (v >= wanted) break;
      vector(first + static_cast<std::uint64_t>(v), out + v);
    }
  }

 private:
  using Wide = Vec<std::uint64_t>;

  // One vector of items: even and odd items in separate vectors of 64-bit lanes. Only the low half
  // of each lane is used, because the widening product takes its factors from there.
  GIBBOUS_INLINE void vector(std::uint64_t first, std::uint32_t* out) const {
    Wide steps{};
    GIBBOUS_UNROLL
    for (int i = 0; i < kLanes<std::uint64_t>; ++i) steps[i] = 2 * static_cast<std::uint64_t>(i);
    const Wide even = steps + first, odd = even + 1;
    const Wide it = splat<std::uint64_t>(iteration_), purpose = splat<std::uint64_t>(purpose_);
    std::array<Wide, 4> a{even, even >> 32, it, purpose}, b{odd, odd >> 32, it, purpose};
    std::uint32_t k0 = key_[0], k1 = key_[1];
    GIBBOUS_UNROLL
    for (int round = 0; round < 10; ++round) {
      const Wide key0 = splat<std::uint64_t>(k0), key1 = splat<std::uint64_t>(k1);
      a = turn(a, key0, key1);
      b = turn(b, key0, key1);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    GIBBOUS_UNROLL
    for (int w = 0; w < 4; ++w) {
      const Wide both =
          (a[static_cast<std::size_t>(w)] & 0xFFFFFFFFu) | (b[static_cast<std::size_t>(w)] << 32);
      std::memcpy(out + w * kGroupItems, &both, sizeof both);
    }
  }

  static GIBBOUS_INLINE std::array<Wide, 4> turn(const std::array<Wide, 4>& c, Wide key0,
                                                 Wide key1) {
    const Wide p0 = mul_low_halves(c[0], splat<std::uint64_t>(0xD2511F53u));
    const Wide p1 = mul_low_halves(c[2], splat<std::uint64_t>(0xCD9E8D57u));
    return {(p1 >> 32) ^ c[1] ^ key0, p1, (p0 >> 32) ^ c[3] ^ key1, p0};
  }

  philox::Key key_;
  std::uint32_t iteration_, purpose_;
};

}  // namespace gibbous
