// SPDX-License-Identifier: Apache-2.0
// Philox4x32-10, a counter-based generator: Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011. A draw is a pure function of its address: draws do not
// depend on the order of threads, and resuming a fit needs no generator state.
#pragma once
#include <array>
#include <cstdint>

namespace gibbous {

// What a number is drawn for. The values are part of what a seed means: never renumber them.
enum class Purpose : std::uint32_t {
  kmeans_plusplus = 1,
  gmm_start = 2,
  lda_fast = 3,
  lda_exact = 4,
  lda_infer = 5,
  lda_left_to_right = 6,
  lda_start = 7,
  rbm_train = 8,
  rbm_gibbs = 9,
  rbm_ais = 10,
  gmm_impute = 11,
};

namespace philox {

using Block = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

inline Block block(Block c, Key k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

}  // namespace philox

// The stream of one (seed, purpose); a draw is addressed by iteration, item and index.
class Stream {
 public:
  Stream(std::uint64_t seed, Purpose purpose)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        purpose_(static_cast<std::uint32_t>(purpose)) {}

  philox::Block bits(std::uint32_t iteration, std::uint64_t item) const {
    return philox::block({static_cast<std::uint32_t>(item), static_cast<std::uint32_t>(item >> 32),
                          iteration, purpose_},
                         key_);
  }

  // Uniform on [0, 1) with 53 random bits.
  double uniform(std::uint32_t iteration, std::uint64_t item) const {
    const philox::Block b = bits(iteration, item);
    const std::uint64_t u = (std::uint64_t{b[0]} << 21) ^ (b[1] >> 11);
    return static_cast<double>(u & ((std::uint64_t{1} << 53) - 1)) * 0x1p-53;
  }

 private:
  philox::Key key_;
  std::uint32_t purpose_;
};

}  // namespace gibbous
