// SPDX-License-Identifier: Apache-2.0
// Diagonal and spherical covariances on rows with missing entries. Features are independent given
// the component, so that patterns make no difference: every row takes the same steps as a complete
// one, with missing entries multiplied by 0. Internal to the mixture's sources.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/gmm/density.hpp"
#include "gibbous/gmm/missing/mixture.hpp"

namespace gibbous::gmm::missing {

template <class T>
class AxesBlock;

// log p(x_o, k) = log w_k + sum_{a in o} [log s_ka - log(2 pi) / 2 - (s_ka (x_a - mu_ka))^2 / 2].
template <class T>
class Axes {
 public:
  static constexpr Index kRows = Group<T>::rows;
  static constexpr Index kOutputs = Group<T>::outputs;

  Axes(const Joint<T>& joint, const T* about)
      : joint_(joint),
        about_(about ? about : joint.means),
        kp_(detail::round_up(joint.k, kOutputs)),
        constants_(size(kp_), -std::numeric_limits<T>::infinity()),
        scales_(size(kp_ * joint.d * 2), T(0)),
        logs_(size(kp_ * joint.d), T(0)) {
    constexpr double half_log_2pi = 0.91893853320467274178;
    const Index d = joint.d;
    for (Index c = 0; c < joint.k; ++c) {
      constants_[size(c)] = static_cast<T>(joint.log_weight(c));
      for (Index a = 0; a < d; ++a) {
        const double scale = 1.0 / std::sqrt(variance(c, a));
        T* pair = scales_.data() + (c / kScaledTile * d + a) * 2 * kScaledTile + c % kScaledTile;
        pair[0] = static_cast<T>(scale);
        pair[kScaledTile] = joint.means[c * d + a];
        logs_[size((c / kOutputs * d + a) * kOutputs + c % kOutputs)] =
            static_cast<T>(std::log(scale) - half_log_2pi);
      }
    }
  }

  Index k() const { return joint_.k; }
  Index d() const { return joint_.d; }
  Index kp() const { return kp_; }
  T log_p_of_nothing() const { return static_cast<T>(joint_.log_p_of_nothing()); }
  double mean(Index c, Index a) const { return static_cast<double>(joint_.means[c * d() + a]); }
  double variance(Index c, Index a) const {
    return static_cast<double>(
        joint_.covariances[joint_.type == Covariance::diag ? c * d() + a : c]);
  }
  const T* origin(Index c) const { return about_ + c * d(); }
  bool diag() const { return joint_.type == Covariance::diag; }

  // block.r = log p(x_o, k).
  void densities(AxesBlock<T>& block) const;

 private:
  static std::size_t size(Index n) { return static_cast<std::size_t>(n); }

  const Joint<T>& joint_;
  const T* about_;
  Index kp_;
  Buffer<T> constants_;  // (kp,) log w
  Buffer<T> scales_;     // tiles of kScaledTile components: per feature scales, then means
  Buffer<T> logs_;       // tiles of kOutputs components: contribution of an observed feature
};

// Rows of a block: missing entries are replaced by 0 and have mask 0; features and rows as lanes.
template <class T>
class AxesBlock {
 public:
  static constexpr Index kRows = Group<T>::rows;
  static constexpr Index L = kLanes<T>;

  AxesBlock(Index capacity, const Axes<T>& axes)
      : d_(axes.d()),
        kp_(axes.kp()),
        width_(detail::round_up(axes.d(), L)),
        x_(size(capacity * d_ * kRows)),
        there_(x_.size()),
        rows_(size(capacity * width_ * kRows), T(0)),
        absent_(rows_.size(), T(0)),
        nothing_(axes.log_p_of_nothing()),
        empty_(size(capacity * kRows)),
        r(size(capacity * kp_ * kRows)),
        log_prob(size(capacity * kRows)) {}

  void read(const Rows<T>& rows, Index begin, Index end) {
    count = end - begin;
    groups = (count + kRows - 1) / kRows;
    for (Index i = 0; i < groups * kRows; ++i) {
      T* x = rows_.data() + i * width_;
      T* absent = absent_.data() + i * width_;
      if (i < count)
        std::copy_n(rows.row(begin + i), d_, x);
      else
        std::fill_n(x, d_, T(0));
      Vec<T> seen = {};
      for (Index a = 0; a < width_;
           a += L) {  // without branches: missing entries are unpredictable
        const Vec<T> value = load(x + a), one = splat(T(1)), zero = {};
        const Bits<T> there = value == value;
        store(x + a, there ? value : zero);
        store(absent + a, there ? zero : one);
        seen += there ? one : zero;
      }
      // the padding of the last vector is never missing
      empty_[size(i)] = lane_sum<T>(seen) == static_cast<T>(width_ - d_);
      T* xt = x_.data() + (i / kRows * d_) * kRows + i % kRows;
      T* there = there_.data() + (xt - x_.data());
      for (Index a = 0; a < d_; ++a) {
        xt[a * kRows] = x[a];
        there[a * kRows] = T(1) - absent[a];
      }
    }
  }

  // Responsibilities times weights; returns sum weight * log p. Rows without observed entries have
  // log p = 0.
  double normalize(const Rows<T>& rows, Index begin) {
    double total = 0;
    for (Index g = 0; g < groups; ++g) {
      alignas(64) T weight[kRows];
      const Index first = g * kRows, n = std::min(kRows, count - first);
      for (Index i = 0; i < kRows; ++i) weight[i] = i < n ? rows.w(begin + first + i) : T(0);
      T* lp = log_prob.data() + first;
      normalize_group<false>(r.data() + g * kp_ * kRows, kp_, weight, lp, static_cast<T*>(nullptr));
      for (Index i = 0; i < n; ++i) {
        if (empty_[size(first + i)]) lp[i] = nothing_;
        if (weight[i] > T(0)) total += static_cast<double>(weight[i]) * static_cast<double>(lp[i]);
      }
    }
    return total;
  }

  T responsibility(Index i, Index c) const {
    return r[size((i / kRows * kp_ + c) * kRows + i % kRows)];
  }
  Index width() const { return width_; }
  const T* x(Index g) const { return x_.data() + g * d_ * kRows; }          // [d][rows]
  const T* there(Index g) const { return there_.data() + g * d_ * kRows; }  // [d][rows]
  const T* rows() const { return rows_.data(); }                            // [row][width]
  const T* absent() const { return absent_.data(); }                        // [row][width]

  Index groups = 0, count = 0;

 private:
  static std::size_t size(Index n) { return static_cast<std::size_t>(n); }

  Index d_, kp_, width_;
  Buffer<T> x_, there_, rows_, absent_;
  T nothing_;                // log p of a row without observed entries, see below
  std::vector<char> empty_;  // rows without observed entries

 public:
  Buffer<T> r;         // [g][kp][rows]
  Buffer<T> log_prob;  // [g][rows]
};

template <class T>
void Axes<T>::densities(AxesBlock<T>& block) const {
  constexpr int L = kLanes<T>;
  constexpr int tile = kScaledTile;
  for (Index g = 0; g < block.groups; ++g) {
    T* r = block.r.data() + g * kp_ * kRows;
    for (Index c = 0; c < kp_; c += kOutputs) {
      Vec<T> sum[kOutputs][3];
      linear_panel<T, kOutputs>(constants_.data() + c, logs_.data() + c * d(), d(), block.there(g),
                                sum);
      GIBBOUS_UNROLL
      for (int i = 0; i < kOutputs; ++i) GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) store(r + (c + i) * kRows + v * L, sum[i][v]);
    }
    for (Index c = 0; c < kp_; c += tile) {
      const T* pair = scales_.data() + c * d() * 2;
      const T* x = block.x(g);
      const T* there = block.there(g);
      Vec<T> q[tile][3] = {};
      for (Index a = 0; a < d(); ++a, pair += 2 * tile, x += kRows, there += kRows) GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) {
        const Vec<T> xv = load(x + v * L), there_v = load(there + v * L);
        GIBBOUS_UNROLL
        for (int i = 0; i < tile; ++i) {
          const Vec<T> z = (xv - there_v * pair[tile + i]) * pair[i];
          q[i][v] += z * z;
        }
      }
      GIBBOUS_UNROLL
      for (int i = 0; i < tile; ++i) GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) {
        T* out = r + (c + i) * kRows + v * L;
        store(out, load(out) - T(0.5) * q[i][v]);
      }
    }
  }
}

// Expected statistics of one task.
template <class T>
class AxesSums {
 public:
  static constexpr Index L = kLanes<T>;
  static constexpr Index kRows = Group<T>::rows;

  AxesSums(const Axes<T>& axes, Index width)
      : axes_(axes), width_(width), sums_(static_cast<std::size_t>(axes.k() * stride()), 0.0) {}

  void clear() { std::fill(sums_.begin(), sums_.end(), 0.0); }

  void add(const AxesBlock<T>& block) {
    Buffer<T> origin(static_cast<std::size_t>(width_), T(0));
    for (Index c = 0; c < axes_.k(); ++c) {
      const T* r = block.r.data() + c * kRows;
      const Index step = axes_.kp() * kRows;
      Vec<T> mass = {};
      for (Index g = 0; g < block.groups; ++g) GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) mass += load(r + g * step + v * L);
      const T all = lane_sum<T>(mass);
      if (all == T(0)) continue;
      double* sums = sums_.data() + c * stride();
      sums[0] += static_cast<double>(all);
      std::copy_n(axes_.origin(c), axes_.d(), origin.data());
      Index v = 0;
      for (; v + 2 <= width_ / L; v += 2) tile<2>(block, r, step, origin.data(), v * L, sums + L);
      if (v < width_ / L) tile<1>(block, r, step, origin.data(), v * L, sums + L);
    }
  }

  // Adds everything to statistics in their usual layout: a missing entry has the mean and the
  // variance of the component.
  void add_to(double* nk, double* s1, double* s2) const {
    const Index d = axes_.d();
    for (Index c = 0; c < axes_.k(); ++c) {
      const double* sums = sums_.data() + c * stride();
      const double* first = sums + L;
      nk[c] += sums[0];
      for (Index a = 0; a < d; ++a) {
        const double absent = first[2 * width_ + a];
        const double shift = axes_.mean(c, a) - static_cast<double>(axes_.origin(c)[a]);
        s1[c * d + a] += first[a] + absent * shift;
        s2[axes_.diag() ? c * d + a : c] +=
            first[width_ + a] + absent * (axes_.variance(c, a) + shift * shift);
      }
    }
  }

 private:
  Index stride() const { return L + 3 * width_; }  // mass, first and second moments, mass absent

  template <int NV>
  void tile(const AxesBlock<T>& block, const T* r, Index r_group, const T* origin, Index at,
            double* sums) const {
    Vec<T> o[NV], first[NV] = {}, second[NV] = {}, gone[NV] = {};
    GIBBOUS_UNROLL
    for (int v = 0; v < NV; ++v) o[v] = load(origin + at + v * L);
    const T* x = block.rows() + at;
    const T* absent = block.absent() + at;
    for (Index g = 0; g < block.groups; ++g, r += r_group)
      for (Index i = 0; i < kRows; ++i, x += width_, absent += width_) GIBBOUS_UNROLL
    for (int v = 0; v < NV; ++v) {
      const Vec<T> n = load(absent + v * L);
      const Vec<T> z = (load(x + v * L) - o[v]) + n * o[v];
      const Vec<T> w = z * r[i];
      first[v] += w;
      second[v] += w * z;
      gone[v] += n * r[i];
    }
    GIBBOUS_UNROLL
    for (int v = 0; v < NV; ++v) {
      add_widened<T>(sums + at + v * L, first[v]);
      add_widened<T>(sums + width_ + at + v * L, second[v]);
      add_widened<T>(sums + 2 * width_ + at + v * L, gone[v]);
    }
  }

  const Axes<T>& axes_;
  Index width_;
  Buffer<double> sums_;
};

// Groups per block: the optimum is flat, as for complete rows.
template <class T>
Index axes_groups(const Axes<T>& axes) {
  constexpr Index row = Group<T>::rows * static_cast<Index>(sizeof(T));
  return std::clamp<Index>(
      std::min((Index{40} << 10) / (4 * row * axes.d()), (Index{192} << 10) / (row * axes.kp())), 1,
      16);
}

template <class T>
Index axes_tasks(const Rows<T>& rows, const Axes<T>& axes) {
  const Index least = Index{200000} / (axes.k() * (8 * axes.d() + 32));
  return slots(rows.n, std::max(least, axes_groups(axes) * Group<T>::rows));
}

}  // namespace gibbous::gmm::missing
