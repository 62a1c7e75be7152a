// SPDX-License-Identifier: Apache-2.0
// Products on a matrix unit that multiplies tiles of bfloat16 (Intel AMX). Every operand is a
// matrix of 32-bit words of two bfloat16 each: a state is (s, s) and a weight is (high, low), where
// high + low represents the weight with 17 bits. The unit sums over pairs and computes s high + s
// low, so that states are exact; sums are kept in float. The right operand is a panel of 32
// columns. The left one, a layer, is stored in contiguous tiles of 16 rows by 16 words, because
// rows one page apart would defeat the prefetcher.
#pragma once
#include <cstdint>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/simd.hpp"

namespace gibbous {

namespace tiles {

inline constexpr Index kTileRows = 16;  // also the words per row

inline constexpr Index kTileWords = kTileRows * kTileRows;

// Index of word i of row r in a left operand with `stride` words per row.
GIBBOUS_INLINE Index place(Index stride, Index r, Index i) {
  const Index row = r % kTileRows;
  return (r - row) * stride + i / kTileRows * kTileWords + row * kTileRows + i % kTileRows;
}

// A TileProduct: acc[r][j] += sum over i < depth of the products of the pairs a[place(stride, r,
// i)] and b[i][j].
// a: IN words; rows rounded up to 16 are read;  b: IN words [depth][32]
// acc: INOUT [rows rounded up to 16][32];  depth, stride: multiples of 16

// The product on the matrix unit; null if this build, the processor or the system has none.
TileProduct unit();

// The same in plain C++ (slow): the reference for tests on any machine.
void plain(const std::uint32_t* a, Index stride, Index rows, Index depth, const std::uint32_t* b,
           float* acc);

namespace detail {
// The nearest bfloat16 (ties away from zero) in the upper half; the lower half is zero.
GIBBOUS_INLINE Bits<float> nearest(Vec<float> x) {
  const Bits<float> b = reinterpret_cast<Bits<float>>(x);
  return (b + 0x8000) & static_cast<std::int32_t>(0xFFFF0000u);
}
GIBBOUS_INLINE Bits<float> twice(Bits<float> upper) { return ((upper >> 16) & 0xFFFF) | upper; }
}  // namespace detail

// (high, low) of a number.
GIBBOUS_INLINE Bits<float> split(Vec<float> x) {
  const Bits<float> high = detail::nearest(x);
  const Bits<float> low = detail::nearest(x - reinterpret_cast<Vec<float>>(high));
  return ((high >> 16) & 0xFFFF) | low;
}

// (high, high) and (low, low) of a number, for the two left operands.
GIBBOUS_INLINE void split_left(Vec<float> x, Bits<float>& high, Bits<float>& low) {
  const Bits<float> h = detail::nearest(x);
  high = detail::twice(h);
  low = detail::twice(detail::nearest(x - reinterpret_cast<Vec<float>>(h)));
}

// Converts numbers to words (high, low); n is a multiple of 16.
inline void split_all(const float* x, Index n, std::uint32_t* words) {
  for (Index i = 0; i < n; i += kLanes<float>) {
    const Bits<float> w = split(load(x + i));
    std::memcpy(words + i, &w, sizeof w);
  }
}

// Converts n numbers of a row to left operands, starting at word 0 of that row; n is a multiple of
// 16.
inline void split_left_all(const float* x, Index n, std::uint32_t* high, std::uint32_t* low) {
  for (Index i = 0; i < n; i += kLanes<float>) {
    Bits<float> h, l;
    split_left(load(x + i), h, l);
    std::memcpy(high + place(0, 0, i), &h, sizeof h);
    std::memcpy(low + place(0, 0, i), &l, sizeof l);
  }
}

// Expands the states of 32 units, one bit each, to 32 words of a row of a left operand.
GIBBOUS_INLINE void widen_states(std::uint32_t mask, std::uint32_t* words) {
  constexpr int L = kLanes<float>;
  Bits<float> bit{};
  GIBBOUS_UNROLL
  for (int i = 0; i < L; ++i) bit[i] = 1 << i;
  GIBBOUS_UNROLL
  for (int j = 0; j < 32; j += L) {
    const Bits<float> here = static_cast<std::int32_t>(mask >> j) - Bits<float>{};
    const Bits<float> w = ((here & bit) != 0) & 0x3F803F80;  // (1, 1)
    std::memcpy(words + place(0, 0, j), &w, sizeof w);
  }
}

}  // namespace tiles
}  // namespace gibbous
