// SPDX-License-Identifier: Apache-2.0
// Register tiles: the innermost loops that the models share. Each keeps a small block of
// accumulators in registers, so that multiply-adds and not loads limit the speed.
//
// Group layout. Rows pass through the kernels in transposed groups of Group<T>::rows: feature a of
// the rows of a group starts at xt[a * Group<T>::rows], so that lanes are rows and nothing has to
// be summed across lanes.
#pragma once
#include "gibbous/ground/simd.hpp"

namespace gibbous {

template <class T>
struct Group {
  // Three vectors of rows: with 4 (8) outputs this takes 12 (24) accumulators, 3 operands and a
  // broadcast, which just fits in 16 (32) registers.
  static constexpr int vectors = 3;
  static constexpr int lanes = kLanes<T>;
  static constexpr int rows = vectors * lanes;
  static constexpr int outputs = kVectorRegisters >= 32 ? 8 : 4;
};

// Sums are kept in double for every T; the lanes of T are widened by halves, at full vector width.
template <class T>
GIBBOUS_INLINE void add_widened(double* sum, const Vec<T>& v) {
  if constexpr (sizeof(T) == sizeof(double)) {
    store(sum, load(sum) + v);
  } else {
    constexpr int half = kLanes<double>;
    using Half = typename VectorOf<T, kVectorBytes / 2>::type;
    GIBBOUS_UNROLL
    for (int h = 0; h < 2; ++h) {
      Half part;
      std::memcpy(&part, reinterpret_cast<const char*>(&v) + h * sizeof part, sizeof part);
      double* to = sum + h * half;
      store(to, load(to) + __builtin_convertvector(part, Vec<double>));
    }
  }
}

// Transposes rows x[0..count) (row-major, width d) minus `shift` (null for none) into a group. Rows
// past `count` become 0.
template <class T>
inline void load_group(const T* x, Index count, Index d, const T* shift, T* xt) {
  constexpr int rows = Group<T>::rows;
  for (Index a = 0; a < d; ++a) {
    const T s = shift ? shift[a] : T(0);
    T* out = xt + a * rows;
    if (count == rows) {
      GIBBOUS_UNROLL
      for (int i = 0; i < rows; ++i) out[i] = x[i * d + a] - s;
    } else {
      for (Index i = 0; i < count; ++i) out[i] = x[i * d + a] - s;
      for (Index i = count; i < rows; ++i) out[i] = T(0);
    }
  }
}

// acc[r][v] = init[r] + sum_a coef[a][r] * xt[a][v]: R dot products for each row of the group.
// `coef` holds R numbers for each of the d features.
template <class T, int R>
GIBBOUS_INLINE void linear_panel(const T* init, const T* coef, Index d, const T* xt,
                                 Vec<T> (&acc)[R][3]) {
  constexpr int L = Group<T>::lanes;
  GIBBOUS_UNROLL
  for (int r = 0; r < R; ++r) GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) acc[r][v] = splat(init[r]);
  for (Index a = 0; a < d; ++a, coef += R, xt += 3 * L) {
    const Vec<T> x0 = load(xt), x1 = load(xt + L), x2 = load(xt + 2 * L);
    GIBBOUS_UNROLL
    for (int r = 0; r < R; ++r) {
      acc[r][0] += coef[r] * x0;
      acc[r][1] += coef[r] * x1;
      acc[r][2] += coef[r] * x2;
    }
  }
}

// R outputs y_r = h_r + sum_{b < full + r + 1} coef[b][r] * z_b of a lower triangular product.
// `coef` holds the R offsets h, then R numbers per column for `full` + R columns, zeros above the
// diagonal. Returns the coefficients of the next panel.
template <class T, int R>
GIBBOUS_INLINE const T* triangle_panel(const T* coef, Index full, const T* z, Vec<T> (&y)[R][3]) {
  constexpr int L = Group<T>::lanes;
  GIBBOUS_UNROLL
  for (int r = 0; r < R; ++r) GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) y[r][v] = splat(coef[r]);
  coef += R;
  for (Index b = 0; b < full; ++b, coef += R, z += 3 * L) {
    const Vec<T> z0 = load(z), z1 = load(z + L), z2 = load(z + 2 * L);
    GIBBOUS_UNROLL
    for (int r = 0; r < R; ++r) {
      y[r][0] += coef[r] * z0;
      y[r][1] += coef[r] * z1;
      y[r][2] += coef[r] * z2;
    }
  }
  GIBBOUS_UNROLL
  for (int b = 0; b < R; ++b) {
    const Vec<T> z0 = load(z + b * 3 * L), z1 = load(z + b * 3 * L + L),
                 z2 = load(z + b * 3 * L + 2 * L);
    GIBBOUS_UNROLL
    for (int r = b; r < R; ++r) {
      y[r][0] += coef[b * R + r] * z0;
      y[r][1] += coef[b * R + r] * z1;
      y[r][2] += coef[b * R + r] * z2;
    }
  }
  return coef + R * R;
}

// Runs the panels of a d by d triangle in order: use(y, first_output) is called for each and
// returns whether to continue.
template <class T, class Use>
GIBBOUS_INLINE void triangle_panels(const T* coef, Index d, const T* z, Use&& use) {
  constexpr int R = Group<T>::outputs;
  const auto panel = [&](auto outputs, Index a) {
    constexpr int r = decltype(outputs)::value;
    Vec<T> y[r][3];
    coef = triangle_panel<T, r>(coef, a, z, y);
    return use(y, a);
  };
  Index a = 0;
  for (; a + R <= d; a += R)
    if (!panel(std::integral_constant<int, R>{}, a)) return;
  switch (d - a) {
    case 1: panel(std::integral_constant<int, 1>{}, a); break;
    case 2: panel(std::integral_constant<int, 2>{}, a); break;
    case 3: panel(std::integral_constant<int, 3>{}, a); break;
    case 4: panel(std::integral_constant<int, 4>{}, a); break;
    case 5: panel(std::integral_constant<int, 5>{}, a); break;
    case 6: panel(std::integral_constant<int, 6>{}, a); break;
    case 7: panel(std::integral_constant<int, 7>{}, a); break;
    default: break;
  }
}

// Symmetric accumulation with rows as lanes, over groups: s[(a, b)] += sum_rows w_a * z_b over a
// tile of NA by NB entries at (a0, b0). Group j of w starts at j * d * rows, that of z at at[j] * d
// * rows. s holds one wide vector for each entry of the packed lower triangle. `Diagonal` tiles
// start at a0 = b0 and skip the entries above the diagonal.
template <class T, int NA, int NB, bool Diagonal>
inline void dot_tile(const T* w, const T* z, const Index* at, Index groups, Index d, Index a0,
                     Index b0, double* s) {
  constexpr int L = kLanes<T>;
  constexpr Index rows = Group<T>::rows;
  Vec<T> acc[NA][NB] = {};
  for (Index j = 0; j < groups; ++j) {
    const T* wa = w + (j * d + a0) * rows;
    const T* zb = z + (at[j] * d + b0) * rows;
    GIBBOUS_UNROLL
    for (int v = 0; v < 3; ++v) {
      Vec<T> right[NB];
      GIBBOUS_UNROLL
      for (int b = 0; b < NB; ++b) right[b] = load(zb + b * rows + v * L);
      GIBBOUS_UNROLL
      for (int a = 0; a < NA; ++a) {
        const Vec<T> left = load(wa + a * rows + v * L);
        GIBBOUS_UNROLL
        for (int b = 0; b < NB; ++b)
          if (!Diagonal || b <= a) acc[a][b] += left * right[b];
      }
    }
  }
  GIBBOUS_UNROLL
  for (int a = 0; a < NA; ++a) GIBBOUS_UNROLL
  for (int b = 0; b < NB; ++b)
    if (!Diagonal || b <= a)
      add_widened<T>(s + ((a0 + a) * (a0 + a + 1) / 2 + b0 + b) * L, acc[a][b]);
}

namespace detail {

template <class T, int NA>
inline void dot_rows(const T* w, const T* z, const Index* at, Index groups, Index d, Index a0,
                     double* s) {
  constexpr int wide = kVectorRegisters >= 32 ? 6 : 3;
  Index b = 0;
  for (; b + wide <= a0; b += wide) dot_tile<T, NA, wide, false>(w, z, at, groups, d, a0, b, s);
  for (; b + 3 <= a0; b += 3) dot_tile<T, NA, 3, false>(w, z, at, groups, d, a0, b, s);
  if (a0 - b == 2) dot_tile<T, NA, 2, false>(w, z, at, groups, d, a0, b, s);
  if (a0 - b == 1) dot_tile<T, NA, 1, false>(w, z, at, groups, d, a0, b, s);
  dot_tile<T, NA, NA, true>(w, z, at, groups, d, a0, a0, s);
}

}  // namespace detail

// s[(a, b)] += sum_rows w_a z_b for the whole packed lower triangle of d features.
template <class T>
inline void dot_triangle(const T* w, const T* z, const Index* at, Index groups, Index d,
                         double* s) {
  Index a = 0;
  for (; a + 4 <= d; a += 4) detail::dot_rows<T, 4>(w, z, at, groups, d, a, s);
  if (d - a == 3) detail::dot_rows<T, 3>(w, z, at, groups, d, a, s);
  if (d - a == 2) detail::dot_rows<T, 2>(w, z, at, groups, d, a, s);
  if (d - a == 1) detail::dot_rows<T, 1>(w, z, at, groups, d, a, s);
}

// The rows of a sum of outer products: `groups` of `rows`. The left operand advances by `step` per
// row and by another `skip` after a group, the right one by right_step per row and right_panel per
// vector.
template <class T>
struct OuterRows {
  Index step, skip;
  const T* right;
  Index right_step, right_panel, groups, rows;
};

// c[m][...] += sum over rows of left[m] * right[...], with features as lanes: NA by NV vectors,
// starting at vector `first` of the right operand.
template <class T, int NA, int NV>
inline void outer_tile(const T* const* left, const OuterRows<T>& x, Index first, double* c,
                       Index c_stride) {
  constexpr int L = kLanes<T>;
  const Index step = x.step, skip = x.skip, right_step = x.right_step;
  const Index right_panel = x.right_panel, groups = x.groups, rows = x.rows;
  const T* right = x.right + first * right_panel;
  const T* l[NA];
  for (int m = 0; m < NA; ++m) l[m] = left[m];
  Vec<T> acc[NA][NV] = {};
  Index at = 0;
  for (Index g = 0; g < groups; ++g, at += skip) {
    for (Index i = 0; i < rows; ++i, at += step, right += right_step) {
      Vec<T> r[NV];
      GIBBOUS_UNROLL
      for (int v = 0; v < NV; ++v) r[v] = load(right + v * right_panel);
      GIBBOUS_UNROLL
      for (int m = 0; m < NA; ++m) {
        const T x = l[m][at];
        GIBBOUS_UNROLL
        for (int v = 0; v < NV; ++v) acc[m][v] += x * r[v];
      }
    }
  }
  GIBBOUS_UNROLL
  for (int m = 0; m < NA; ++m) GIBBOUS_UNROLL
  for (int v = 0; v < NV; ++v) add_widened<T>(c + m * c_stride + v * L, acc[m][v]);
}

namespace detail {

// All `vectors` right-hand vectors for NA left-hand scalars.
template <class T, int NA>
inline void outer_rows(const T* const* left, const OuterRows<T>& x, Index vectors, double* c,
                       Index c_stride) {
  constexpr int L = kLanes<T>;
  Index v = 0;
  for (; v + 3 <= vectors; v += 3) outer_tile<T, NA, 3>(left, x, v, c + v * L, c_stride);
  if (vectors - v == 2) outer_tile<T, NA, 2>(left, x, v, c + v * L, c_stride);
  if (vectors - v == 1) outer_tile<T, NA, 1>(left, x, v, c + v * L, c_stride);
}

}  // namespace detail

// c[k][...] += sum over rows of r_k(row) * phi(row)[...]. r is stored in groups [g][k][rows], k of
// them in kp slots per group; phi is row-major with `vectors` full vectors per row; c has row
// stride vectors * lanes.
template <class T>
inline void outer_groups(const T* r, Index k, Index kp, const T* phi, Index vectors, Index groups,
                         double* c) {
  constexpr int L = kLanes<T>;
  constexpr int NA = Group<T>::outputs;
  constexpr Index rows = Group<T>::rows;
  const Index width = vectors * L;
  const Index skip = (kp - 1) * rows;
  const OuterRows<T> all{1, skip, phi, width, L, groups, rows};
  const T* left[NA];
  Index m = 0;
  for (; m + NA <= k; m += NA) {
    for (int i = 0; i < NA; ++i) left[i] = r + (m + i) * rows;
    detail::outer_rows<T, NA>(left, all, vectors, c + m * width, width);
  }
  for (; m < k; ++m) {
    left[0] = r + m * rows;
    detail::outer_rows<T, 1>(left, all, vectors, c + m * width, width);
  }
}

// Symmetric accumulation with features as lanes, for wide rows. y holds `rows` rows in panels of L
// = kLanes features: feature a of row i is y[(a / L) * capacity * L + i * L + a % L]. Adds y^T y to
// rows [a_begin, a_end) of the lower triangle of c, row-major with stride c_stride. Entries just
// above the diagonal, within its tile, are overwritten with meaningless values. a_begin is a
// multiple of 8.
template <class T>
inline void outer_triangle(const T* y, Index capacity, Index rows, Index a_begin, Index a_end,
                           double* c, Index c_stride) {
  constexpr int L = kLanes<T>;
  constexpr int NA = Group<T>::outputs;
  const Index panel = capacity * L;
  const T* left[NA];
  const auto scalars = [&](Index a0, int count) {
    for (int m = 0; m < count; ++m) left[m] = y + (a0 + m) / L * panel + (a0 + m) % L;
  };
  const OuterRows<T> all{L, 0, y, L, panel, 1, rows};
  Index a = a_begin;
  for (; a + NA <= a_end; a += NA) {
    scalars(a, NA);
    detail::outer_rows<T, NA>(left, all, (a + NA - 1) / L + 1, c + a * c_stride, c_stride);
  }
  for (; a < a_end; ++a) {
    scalars(a, 1);
    detail::outer_rows<T, 1>(left, all, a / L + 1, c + a * c_stride, c_stride);
  }
}

}  // namespace gibbous
