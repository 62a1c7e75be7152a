// SPDX-License-Identifier: Apache-2.0
// Many rows with the same pattern of missing entries: the kernels for complete rows on the observed
// columns, with one completion of their sums. Internal to the mixture's sources.
#pragma once
#include <Eigen/Core>
#include <vector>

#include "gibbous/gmm/missing/rows.hpp"
#include "gibbous/gmm/missing/tasks.hpp"

namespace gibbous::gmm::missing {

using Square = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Column = Eigen::VectorXd;

// Index of entry (a, b) of a packed symmetric matrix.
inline Index packed(Index a, Index b) { return a >= b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a; }

// L of one component.
template <bool Shared>
Square lower(const Factor<Shared>& factor, Index c, const Split& split) {
  Square l = Square::Zero(split.p(), split.p());
  for (Index a = 0; a < split.p(); ++a)
    for (Index b = 0; b <= a; ++b) l(a, b) = factor.entry(c, split[a], b);
  return l;
}

// The marginal mixture of the observed features of a pattern.
template <class T, bool Shared>
class Marginal {
 public:
  // `factor` must have been prepared with `cut`.
  Marginal(const Joint<T>& joint, const T* about, const Factor<Shared>& factor, const Split& split)
      : joint_(joint), p_(split.p()), means_(gathered(joint.means, split)) {
    if (about) about_ = gathered(about, split);
    factors_.assign(static_cast<std::size_t>((Shared ? 1 : joint.k) * p_ * p_), T(0));
    for (Index c = 0; c < (Shared ? 1 : joint.k); ++c) {
      const Square u = lower(factor, c, split)
                           .template triangularView<Eigen::Lower>()
                           .solve(Square::Identity(p_, p_));
      for (Index a = 0; a < p_; ++a)
        for (Index b = a; b < p_; ++b)
          factors_[static_cast<std::size_t>((c * p_ + a) * p_ + b)] = static_cast<T>(u(b, a));
    }
  }

  Mixture<T> mixture() const {
    return {joint_.type,     joint_.k,          p_, joint_.weights, means_.data(),
            factors_.data(), joint_.log_weights};
  }
  Origin<T> origin() const { return {nullptr, about_.empty() ? nullptr : about_.data()}; }

 private:
  std::vector<T> gathered(const T* table, const Split& split) const {  // of (k, d)
    std::vector<T> out;
    out.reserve(static_cast<std::size_t>(joint_.k * split.p()));
    for (Index c = 0; c < joint_.k; ++c)
      for (const Index a : split.observed) out.push_back(table[c * joint_.d + a]);
    return out;
  }

  const Joint<T>& joint_;
  Index p_;
  std::vector<T> means_, about_, factors_;
};

// The observed columns of some rows of one pattern, and their weights.
template <class T>
struct Gathered {
  std::vector<T> x, weight;

  Rows<T> take(const Rows<T>& rows, const Index* which, Index count, const Split& split) {
    const Index p = split.p();
    x.resize(static_cast<std::size_t>(count * p));
    weight.resize(static_cast<std::size_t>(count));
    T* out = x.data();
    for (Index i = 0; i < count; ++i) {
      const T* row = rows.row(which[i]);
      for (const Index a : split.observed) *out++ = row[a];
      weight[static_cast<std::size_t>(i)] = rows.w(which[i]);
    }
    return {x.data(), count, p, rows.weight ? weight.data() : nullptr};
  }
};

// Rows copied at a time: about ten milliseconds of work, so that Ctrl-C is handled soon and the
// copy stays in the cache.
inline Index rows_at_once(Index k, Index p) {
  const Index cost = k * (2 * p * p + 32);
  return std::clamp<Index>(Index{40000000} / cost, 64, 2048);
}

// Adds the statistics of a pattern (of its p columns) to those of all d, with the missing entries
// at their expectations: about the same origins o, with g = mu_m - o_m - B (mu_o - o_o),
//   s1_m = B s1 + nk g,  S_mo = B S + g s1^T,  S_mm = S_mo B^T + s1_m g^T + nk C.
template <bool Shared>
class Completed {
 public:
  Completed(const Lanes& lanes, const Split& split) : lanes_(lanes), split_(split) {}

  void add(Factor<Shared>& factor, const Statistics& of, double* nk, double* s1, double* s2) {
    const Index d = lanes_.d, p = split_.p(), q = split_.q();
    const Index size = d * (d + 1) / 2, part = p * (p + 1) / 2;
    if (q > 0) factor.complement();
    Square b(q, p), mo = Square::Zero(q, p), mm = Square::Zero(q, q);
    double mass = 0;
    for (Index c = 0; c < lanes_.k; ++c) {
      nk[c] += of.nk[c];
      mass += of.nk[c];
      const double* first = of.s1 + c * p;
      for (Index i = 0; i < p; ++i) s1[c * d + split_[i]] += first[i];
      if (q == 0 && !Shared) add_observed(of.s2 + c * part, s2 + c * size);
      if (q == 0) continue;
      if (!Shared || c == 0) {
        regression(factor, c, b);
        if (!Shared) mo.setZero(), mm.setZero();
      }
      // per-component terms of g and s1 for tied covariances, summed over components
      const Eigen::Map<const Column> s1_o(first, p);
      Column g(q), delta(p);
      for (Index j = 0; j < q; ++j) g[j] = shift(c, split_[p + j]);
      for (Index i = 0; i < p; ++i) delta[i] = shift(c, split_[i]);
      g -= b * delta;
      const Column s1_m = b * s1_o + of.nk[c] * g;
      for (Index j = 0; j < q; ++j) s1[c * d + split_[p + j]] += s1_m[j];
      const Square own = g * s1_o.transpose();
      mo += own;
      mm += own * b.transpose() + s1_m * g.transpose();
      if (!Shared) add_second(factor, c, of.s2 + c * part, of.nk[c], b, mo, mm, s2 + c * size);
    }
    if (!Shared) return;
    if (q == 0)
      add_observed(of.s2, s2);
    else
      add_second(factor, 0, of.s2, mass, b, mo, mm, s2);
  }

 private:
  double shift(Index c, Index a) const {
    return lanes_.shift.empty()
               ? 0.0
               : lanes_.shift[static_cast<std::size_t>((c / kL * lanes_.d + a) * kL + c % kL)];
  }

  // B = M L^-1.
  void regression(const Factor<Shared>& factor, Index c, Square& b) const {
    for (Index j = 0; j < split_.q(); ++j)
      for (Index i = 0; i < split_.p(); ++i) b(j, i) = factor.entry(c, split_[split_.p() + j], i);
    lower(factor, c, split_)
        .template triangularView<Eigen::Lower>()
        .template solveInPlace<Eigen::OnTheRight>(b);
  }

  void add_observed(const double* from, double* s2) const {
    for (Index i = 0; i < split_.p(); ++i)
      for (Index j = 0; j <= i; ++j) s2[packed(split_[i], split_[j])] += from[packed(i, j)];
  }

  void add_second(const Factor<Shared>& factor, Index c, const double* from, double nk,
                  const Square& b, const Square& mo, const Square& mm, double* s2) const {
    const Index p = split_.p(), q = split_.q();
    Square s(p, p);
    for (Index i = 0; i < p; ++i)
      for (Index j = 0; j < p; ++j) s(i, j) = from[packed(i, j)];
    add_observed(from, s2);
    const Square bs = b * s, bsb = bs * b.transpose();
    for (Index j = 0; j < q; ++j) {
      const Index a = split_[p + j];
      for (Index i = 0; i < p; ++i) s2[packed(a, split_[i])] += bs(j, i) + mo(j, i);
      for (Index l = 0; l <= j; ++l)
        s2[packed(a, split_[p + l])] += bsb(j, l) + mm(j, l) + nk * factor.spread_of(c, j, l);
    }
  }

  const Lanes& lanes_;
  const Split& split_;
};

}  // namespace gibbous::gmm::missing
