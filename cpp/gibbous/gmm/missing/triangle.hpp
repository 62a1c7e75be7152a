// SPDX-License-Identifier: Apache-2.0
// Cholesky factors of a sequence of principal submatrices, with components as lanes. Internal to
// the mixture's sources.
#pragma once
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/gmm/missing/lanes.hpp"

namespace gibbous::gmm::missing {

// For a table of symmetric matrices A (d, d), row stride ld, one per component or one for all:
// computes A_ll = L L^T for features `list`, and M = A_rl L^-T for further features `rest`. Rows
// are indexed by their feature, columns by their position in the list. A column depends only on the
// features up to its own, so that columns are reused for the prefix that a list shares with the
// previous one.
template <bool Shared>
class Triangle {
 public:
  using E = Entry<Shared>;
  using Value = typename E::type;
  static constexpr Index kWidth = E::width;

  Triangle(const double* table, Index d, Index ld, Index groups)
      : table_(table),
        d_(d),
        ld_(ld),
        groups_(groups),
        f_(static_cast<std::size_t>(groups * d * ld * kWidth)),
        inverse_(static_cast<std::size_t>(groups * d * kWidth)),
        log_det_(static_cast<std::size_t>(groups * kWidth)) {}

  // Call if results must not depend on earlier calls: a reused column was summed in other tiles
  // than a recomputed one.
  void forget() {
    list_.clear();
    whole_ = false;
  }

  // Factors of all groups. `rest` may be null.
  void factorize(const std::vector<Index>& list, const std::vector<Index>* rest) {
    Index kept = 0;
    const Index p = static_cast<Index>(list.size());
    const Index most = std::min(p, static_cast<Index>(list_.size()));
    while (kept < most && list[at(kept)] == list_[at(kept)]) ++kept;
    const Index from = whole_ ? kept : 0;  // columns that further rows already have
    list_ = list;
    // every row is computed up to the last column, or up to its own
    whole_ = rest && list.size() + rest->size() == static_cast<std::size_t>(d_);
    for (Index g = 0; g < groups_; ++g) {
      for (Index a = kept; a < p; a += 4)
        by_fours(std::min<Index>(4, p - a), [&](auto r, Index) {
          panel<decltype(r)::value>(g, list_.data() + a, from, a);
          corner<decltype(r)::value>(g, a);
        });
      log_determinant(g);
      if (rest)
        by_fours(static_cast<Index>(rest->size()),
                 [&](auto r, Index i) { panel<decltype(r)::value>(g, rest->data() + i, from, p); });
    }
  }

  // sum log L_aa of group g.
  Lane log_det(Index g) const { return Lane{} + E::get(log_det_.data() + of(g) * kWidth); }

  // Row of a feature in L or M: column b is at b * kWidth.
  const double* row(Index g, Index feature) const {
    return f_.data() + (of(g) * d_ + feature) * ld_ * kWidth;
  }
  // 1 / L_bb, the b-th of the list.
  Value inverse(Index g, Index b) const {
    return E::get(inverse_.data() + (of(g) * d_ + b) * kWidth);
  }
  // One component's entry.
  double entry(Index component, Index feature, Index b) const {
    return row(component / kL, feature)[b * kWidth + (Shared ? 0 : component % kL)];
  }

  // L^-1 of group g's list into out (lower triangle, rows ld apart), zeros above the diagonal.
  void invert(Index g, double* out) const {
    const Index p = static_cast<Index>(list_.size()), step = ld_ * kWidth;
    for (Index a = 0; a < p; ++a)
      for (Index b = a; b < p; ++b) E::put(out + a * step + b * kWidth, Value{});
    by_fours(p, [&](auto columns, Index j) {
      constexpr int R = decltype(columns)::value;
      for (Index a = j; a < p; ++a) {
        const double* l = row(g, list_[at(a)]);
        const Value scale = inverse(g, a);
        Value sum[R] = {};
        for (Index c = j; c < a; ++c) {
          const Value lc = E::get(l + c * kWidth);
          GIBBOUS_UNROLL
          for (int r = 0; r < R; ++r) sum[r] += lc * E::get(out + c * step + (j + r) * kWidth);
        }
        for (int r = 0; r < R && j + r <= a; ++r)
          E::put(out + a * step + (j + r) * kWidth, ((j + r == a ? 1.0 : 0.0) - sum[r]) * scale);
      }
    });
  }

 private:
  // A pivot below this share of its diagonal entry is rounding error: update() and factorize() have
  // ensured that the full matrix is positive definite to working precision.
  static constexpr double kLeast = std::numeric_limits<double>::epsilon();

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  static Index of(Index g) { return Shared ? 0 : g; }
  double* own_row(Index g, Index feature) {
    return f_.data() + (of(g) * d_ + feature) * ld_ * kWidth;
  }
  Value table(Index g, Index a, Index b) const {
    return E::get(table_ + ((of(g) * d_ + a) * ld_ + b) * kWidth);
  }

  // Columns [begin, end) of the rows of R features. Two columns at a time: eight sums hide the
  // latency of both multiply-add units.
  template <int R>
  void panel(Index g, const Index* features, Index begin, Index end) {
    double* out[R];
    for (int r = 0; r < R; ++r) out[r] = own_row(g, features[r]);
    Index b = begin;
    for (; b + 2 <= end; b += 2) {
      const Index first = list_[at(b)], second = list_[at(b + 1)];
      const double* l0 = row(g, first);
      const double* l1 = row(g, second);
      Value s0[R] = {}, s1[R] = {};
      for (Index c = 0; c < b; ++c) {
        const Value c0 = E::get(l0 + c * kWidth), c1 = E::get(l1 + c * kWidth);
        GIBBOUS_UNROLL
        for (int r = 0; r < R; ++r) {
          const Value x = E::get(out[r] + c * kWidth);
          s0[r] += x * c0;
          s1[r] += x * c1;
        }
      }
      const Value cross = E::get(l1 + b * kWidth), i0 = inverse(g, b), i1 = inverse(g, b + 1);
      GIBBOUS_UNROLL
      for (int r = 0; r < R; ++r) {
        const Value v = (table(g, features[r], first) - s0[r]) * i0;
        E::put(out[r] + b * kWidth, v);
        E::put(out[r] + (b + 1) * kWidth, (table(g, features[r], second) - s1[r] - v * cross) * i1);
      }
    }
    if (b == end) return;
    const double* l = row(g, list_[at(b)]);
    Value sum[R] = {};
    for (Index c = 0; c < b; ++c) {
      const Value lc = E::get(l + c * kWidth);
      GIBBOUS_UNROLL
      for (int r = 0; r < R; ++r) sum[r] += E::get(out[r] + c * kWidth) * lc;
    }
    GIBBOUS_UNROLL
    for (int r = 0; r < R; ++r)
      E::put(out[r] + b * kWidth, (table(g, features[r], list_[at(b)]) - sum[r]) * inverse(g, b));
  }

  // The triangle of rows and columns a .. a + R - 1 of the list.
  template <int R>
  void corner(Index g, Index a) {
    const Index* features = list_.data() + a;
    double* out[R];
    for (int r = 0; r < R; ++r) out[r] = own_row(g, features[r]);
    Value s[R][R] = {};
    for (Index c = 0; c < a; ++c) {
      Value x[R];
      GIBBOUS_UNROLL
      for (int r = 0; r < R; ++r) x[r] = E::get(out[r] + c * kWidth);
      GIBBOUS_UNROLL
      for (int r = 0; r < R; ++r) GIBBOUS_UNROLL
      for (int b = 0; b <= r; ++b) s[r][b] += x[r] * x[b];
    }
    GIBBOUS_UNROLL
    for (int r = 0; r < R; ++r) GIBBOUS_UNROLL
    for (int b = 0; b <= r; ++b) s[r][b] = table(g, features[r], features[b]) - s[r][b];
    GIBBOUS_UNROLL
    for (int b = 0; b < R; ++b) {
      const Value pivot = E::most(s[b][b], table(g, features[b], features[b]) * kLeast);
      const Value root = E::root(pivot), inverse = 1.0 / root;
      E::put(inverse_.data() + (of(g) * d_ + a + b) * kWidth, inverse);
      E::put(out[b] + (a + b) * kWidth, root);
      GIBBOUS_UNROLL
      for (int r = b + 1; r < R; ++r) {
        s[r][b] *= inverse;
        E::put(out[r] + (a + b) * kWidth, s[r][b]);
      }
      GIBBOUS_UNROLL
      for (int r = b + 1; r < R; ++r) GIBBOUS_UNROLL
      for (int c = b + 1; c <= r; ++c) s[r][c] -= s[r][b] * s[c][b];
    }
  }

  // Product of two at a time, which neither overflows nor underflows.
  void log_determinant(Index g) {
    const Index p = static_cast<Index>(list_.size());
    const auto diagonal = [&](Index a) { return E::get(row(g, list_[at(a)]) + a * kWidth); };
    Value sum{};
    Index a = 0;
    for (; a + 2 <= p; a += 2) sum += E::log(diagonal(a) * diagonal(a + 1));
    if (a < p) sum += E::log(diagonal(a));
    E::put(log_det_.data() + of(g) * kWidth, sum);
  }

  const double* table_;
  Index d_, ld_, groups_;
  std::vector<Index> list_;
  bool whole_ = false;      // whether every row is computed, up to the end of the list
  Buffer<double> f_;        // [g][feature][place]
  Buffer<double> inverse_;  // [g][place]
  Buffer<double> log_det_;  // [g]
};

// Lower triangle of X^T X for lower triangular X (n, n), rows `step` numbers apart.
template <bool Shared>
void gram(const double* x, Index n, Index step, double* out) {
  using E = Entry<Shared>;
  by_fours(n, [&](auto rows, Index i) {
    constexpr int R = decltype(rows)::value;
    for (Index j = 0; j < i + R; ++j) {
      typename E::type sum[R] = {};
      for (Index l = i; l < n; ++l) {  // X is zero above the diagonal
        const auto xj = E::get(x + l * step + j * E::width);
        GIBBOUS_UNROLL
        for (int r = 0; r < R; ++r) sum[r] += E::get(x + l * step + (i + r) * E::width) * xj;
      }
      for (int r = 0; r < R; ++r)
        if (j <= i + r) E::put(out + (i + r) * step + j * E::width, sum[r]);
    }
  });
}

}  // namespace gibbous::gmm::missing
