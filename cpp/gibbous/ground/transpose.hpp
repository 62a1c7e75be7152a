// SPDX-License-Identifier: Apache-2.0
// Transposes rows into the group layout of ground/tiles.hpp, by square blocks in registers.
#pragma once
#include <utility>

#include "gibbous/ground/tiles.hpp"

namespace gibbous {

namespace detail {

// Lane l of the first result: a[l] if bit H of l is clear, else b[l - H]. Of the second: a[l + H]
// if it is clear, else b[l]. Together they swap two H by H blocks across the diagonal.
template <class T, int H, int... I>
GIBBOUS_INLINE void swap_blocks(Vec<T>& a, Vec<T>& b, std::integer_sequence<int, I...>) {
  constexpr int L = kLanes<T>;
  const Vec<T> p = __builtin_shufflevector(a, b, ((I & H) == 0 ? I : L + I - H)...);
  const Vec<T> q = __builtin_shufflevector(a, b, ((I & H) == 0 ? I + H : L + I)...);
  a = p;
  b = q;
}

template <class T, int H>
GIBBOUS_INLINE void transpose_stage(Vec<T> (&r)[kLanes<T>]) {
  constexpr int L = kLanes<T>;
  GIBBOUS_UNROLL
  for (int i = 0; i < L; ++i)
    if ((i & H) == 0) swap_blocks<T, H>(r[i], r[i + H], std::make_integer_sequence<int, L>{});
  if constexpr (H > 1) transpose_stage<T, H / 2>(r);
}

}  // namespace detail

// Transposes the rows row(0) .. row(count - 1) of d numbers each, minus `shift` (null for none),
// into a group. Rows past `count` become 0.
template <class T, class Row>
inline void load_rows(const Row& row, Index count, Index d, const T* shift, T* xt) {
  constexpr int L = kLanes<T>;
  constexpr int rows = Group<T>::rows;
  Index a = 0;
  if (count == rows) {
    for (; a + L <= d; a += L) {
      const Vec<T> s = shift ? load(shift + a) : Vec<T>{};
      GIBBOUS_UNROLL
      for (int v = 0; v < Group<T>::vectors; ++v) {
        Vec<T> r[L];
        GIBBOUS_UNROLL
        for (int i = 0; i < L; ++i) r[i] = load(row(v * L + i) + a) - s;
        detail::transpose_stage<T, L / 2>(r);
        GIBBOUS_UNROLL
        for (int i = 0; i < L; ++i) store(xt + (a + i) * rows + v * L, r[i]);
      }
    }
  }
  for (; a < d; ++a) {
    const T s = shift ? shift[a] : T(0);
    T* out = xt + a * rows;
    for (Index i = 0; i < count; ++i) out[i] = row(i)[a] - s;
    for (Index i = count; i < rows; ++i) out[i] = T(0);
  }
}

}  // namespace gibbous
