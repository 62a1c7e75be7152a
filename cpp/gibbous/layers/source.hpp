// SPDX-License-Identifier: Apache-2.0
// Rows of data in the formats of the caller.
#pragma once
#include <cstdint>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/types.hpp"

namespace gibbous::layers {

// Rows of visible states in the format of the caller; exactly one of the pointers is set.
template <class T>
struct Source {
  Index n, d;
  const std::uint32_t* bits = nullptr;  // (n, ceil(d / 32)) bit j of word i is unit 32 i + j
  const std::uint8_t* bytes = nullptr;  // (n, d)
  const T* real = nullptr;              // (n, d)
  const T* data = nullptr;              // CSR, zeros not stored
  const Index32* indices = nullptr;
  const Index64* indptr = nullptr;
  T scale = T(1);             // factor that scales bytes and numbers to [0, 1]
  bool sample = false;        // numbers are probabilities, and states are drawn for every pass
  bool ones = false;          // CSR in which every stored entry is a unit that is on
  const T* weight = nullptr;  // (n,) with mean 1, or null

  bool binary() const { return bits || sample || ones; }
};

// Packs bytes or numbers (n, d) into words of 32 states; false if an entry is neither 0 nor 1.
template <class V>
bool pack_states(const Execution& run, const V* x, Index n, Index d, std::uint32_t* words);

}  // namespace gibbous::layers
