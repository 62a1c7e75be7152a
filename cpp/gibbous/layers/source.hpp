// SPDX-License-Identifier: Apache-2.0
// Rows of data as the caller keeps them.
#pragma once
#include <cstdint>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/types.hpp"

namespace gibbous::layers {

// Rows of visible states as the caller keeps them; one of the pointers is set.
template <class T>
struct Source {
  Index n, d;
  const std::uint32_t* bits = nullptr;  // (n, ceil(d / 32)) bit j of word i is unit 32 i + j
  const std::uint8_t* bytes = nullptr;  // (n, d)
  const T* real = nullptr;              // (n, d)
  const T* data = nullptr;              // CSR, zeros not stored
  const Index32* indices = nullptr;
  const Index64* indptr = nullptr;
  T scale = T(1);             // factor that brings bytes and numbers to [0, 1]
  bool sample = false;        // numbers are probabilities of states to be drawn anew
  bool ones = false;          // CSR of which every entry is a unit that is on
  const T* weight = nullptr;  // (n,) with mean 1, or null

  bool binary() const { return bits || sample || ones; }
};

// Words of 32 states from bytes or numbers (n, d); false where an entry is neither 0 nor 1.
template <class V>
bool pack_states(const Execution& run, const V* x, Index n, Index d, std::uint32_t* words);

}  // namespace gibbous::layers
