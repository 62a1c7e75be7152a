// SPDX-License-Identifier: Apache-2.0
// E-step and expected statistics of a few rows with one pattern of missing entries, with components
// as lanes. Internal to the mixture's sources.
#pragma once
#include <utility>
#include <vector>

#include "gibbous/gmm/missing/factor.hpp"

namespace gibbous::gmm::missing {

// The posteriors of up to kTogether rows of one pattern.
template <bool Shared>
class Posteriors {
 public:
  Posteriors(const Lanes& lanes, const Precisions<Shared>& precisions)
      : factor(lanes, precisions),
        hat(static_cast<std::size_t>(lanes.groups * kTogether * lanes.d * kL)),
        r(static_cast<std::size_t>(lanes.groups * kTogether * kL)),
        log_prob{},
        lanes_(lanes) {}

  Factor<Shared> factor;
  Split split;
  Buffer<double> hat;  // [g][row][d] expected x - mu
  Buffer<double> r;    // [g][row] weight * responsibility
  std::array<double, kTogether> log_prob;

  double of(int row, Index component) const {  // responsibilities of one component
    return r[static_cast<std::size_t>((component / kL * kTogether + row) * kL + component % kL)];
  }

  // Sets the pattern of row x. `regress`: the expectations of missing entries will be requested;
  // `cut`: L and M will be.
  template <class T>
  void begin(const T* x, bool regress, bool cut) {
    split.read(x, lanes_.d);
    factor.begin(split, regress && split.q() > 0, cut);
    if (split.p() == 0) std::fill(hat.begin(), hat.end(), 0.0);
  }

  // Fills hat, r and log_prob for R rows; returns sum weight * log p.
  template <int R, class T>
  double evaluate(const T* const (&x)[R], const double (&weight)[R]) {
    constexpr double half_log_2pi = 0.91893853320467274178;
    const Index stride = lanes_.d * kL;
    for (Index g = 0; g < lanes_.groups; ++g) {
      double* z = hat.data() + g * kTogether * stride;
      subtract_means<R>(g, x, z, stride);
      Lane norm[R];
      factor.template explain<R>(g, z, stride, norm);
      const Lane constant = load(lanes_.log_weight.data() + g * kL) - factor.log_det(g) -
                            static_cast<double>(split.p()) * half_log_2pi;
      for (int i = 0; i < R; ++i) {
        // intermediate overflow means an infinite distance
        const Lane q =
            norm[i] == norm[i] ? norm[i] : splat(std::numeric_limits<double>::infinity());
        store(r.data() + (g * kTogether + i) * kL, constant - 0.5 * q);
      }
    }
    double total = 0;
    for (int i = 0; i < R; ++i) {
      normalize(i, weight[i]);
      if (weight[i] > 0) total += weight[i] * log_prob[static_cast<std::size_t>(i)];
    }
    return total;
  }

 private:
  template <int R, class T>
  void subtract_means(Index g, const T* const (&x)[R], double* z, Index stride) const {
    const double* mean = lanes_.mean.data() + g * stride;
    for (int i = 0; i < R; ++i)
      for (const Index a : split.observed)
        store(z + i * stride + a * kL, static_cast<double>(x[i][a]) - load(mean + a * kL));
  }

  void normalize(int i, double weight) {
    const Index step = kTogether * kL;
    double* at = r.data() + i * kL;
    Lane top = splat(std::numeric_limits<double>::lowest()), sum{};
    for (Index g = 0; g < lanes_.groups; ++g) top = vmax(top, load(at + g * step));
    double most = top[0];
    for (Index l = 1; l < kL; ++l) most = std::max(most, top[l]);
    for (Index g = 0; g < lanes_.groups; ++g) {
      const Lane e = vexp<double>(load(at + g * step) - most);
      store(at + g * step, e);
      sum += e;
    }
    const double all = lane_sum<double>(sum);
    const bool alive = all > 0;  // otherwise responsibilities stay 0
    log_prob[static_cast<std::size_t>(i)] = split.p() == 0 ? lanes_.log_p_of_nothing
                                            : alive        ? most + std::log(all)
                                                    : -std::numeric_limits<double>::infinity();
    const double scale = alive ? weight / all : 0.0;
    for (Index g = 0; g < lanes_.groups; ++g) store(at + g * step, load(at + g * step) * scale);
  }

  const Lanes& lanes_;
};

// Expected statistics of one thread.
template <bool Shared>
class Sums {
 public:
  explicit Sums(const Lanes& lanes)
      : lanes_(lanes),
        nk_(size(1)),
        s1_(size(lanes.d)),
        s2_(Shared ? static_cast<std::size_t>(lanes.d * lanes.d * kL) : size(lanes.d * lanes.d)),
        shared_(Shared ? static_cast<std::size_t>(lanes.d * lanes.d) : 0),
        mass_(size(1)),
        z_(size(kBatch * lanes.ld)),
        w_(z_.size()),
        filled_(static_cast<std::size_t>(lanes.groups)) {}

  void clear() {
    for (auto* sums : {&nk_, &s1_, &s2_, &shared_, &mass_})
      std::fill(sums->begin(), sums->end(), 0.0);
    std::fill(filled_.begin(), filled_.end(), Index{0});
  }

  // Adds rows evaluated by Posteriors. Groups of components without responsibility cost nothing.
  void add(const Posteriors<Shared>& rows, int count) {
    const Index d = lanes_.d;
    for (int i = 0; i < count; ++i)
      for (Index g = 0; g < lanes_.groups; ++g) {
        const Index row = g * kTogether + i;
        const Lane r = load(rows.r.data() + row * kL);
        if (lane_sum<double>(r) == 0.0) continue;
        store(mass_.data() + g * kL, load(mass_.data() + g * kL) + r);
        keep(g, r, rows.hat.data() + row * d * kL);
      }
  }

  // Call after the last row of a pattern: adds the covariance of its missing entries.
  void finish(Posteriors<Shared>& rows) {
    const Split& split = rows.split;
    bool ready = false;
    for (Index g = 0; g < lanes_.groups; ++g) {
      double* mass = mass_.data() + g * kL;
      const Lane m = load(mass);
      store(nk_.data() + g * kL, load(nk_.data() + g * kL) + m);
      store(mass, Lane{});
      if (split.q() == 0 || lane_sum<double>(m) == 0.0) continue;
      if (!Shared || !ready) rows.factor.complement(g);
      ready = true;
      add_spread(g, rows, m);
    }
  }

  // Adds everything to statistics in their usual layout, and clears the batch.
  void add_to(double* nk, double* s1, double* s2);

 private:
  static constexpr Index kBatch = 8;  // rows per load and store of an entry of s2

  std::size_t size(Index numbers) const {
    return static_cast<std::size_t>(lanes_.groups * numbers * kL);
  }

  // Lanes without responsibility are skipped: they may have overflowed.
  GIBBOUS_INLINE Lane moved(Index g, Index a, Lane r, const double* hat) const {
    Lane z = load(hat + a * kL);
    if (!lanes_.shift.empty()) z += load(lanes_.shift.data() + (g * lanes_.d + a) * kL);
    return r > 0.0 ? z : Lane{};
  }

  void keep(Index g, Lane r, const double* hat) {
    const Index d = lanes_.d;
    Index& filled = filled_[static_cast<std::size_t>(g)];
    double* z = z_.data() + (g * kBatch + filled) * lanes_.ld * kL;
    double* w = w_.data() + (g * kBatch + filled) * lanes_.ld * kL;
    double* s1 = s1_.data() + g * d * kL;
    for (Index a = 0; a < d; ++a) {
      const Lane za = moved(g, a, r, hat), wa = r * za;
      store(z + a * kL, za);
      store(w + a * kL, wa);
      store(s1 + a * kL, load(s1 + a * kL) + wa);
    }
    if (++filled == kBatch) flush(g);
  }

  void add_spread(Index g, const Posteriors<Shared>& rows, Lane m) {
    const Index d = lanes_.d, q = rows.split.q();
    const Index* missing = rows.split.missing.data();
    const double all = lane_sum<double>(m);
    for (Index i = 0; i < q; ++i)
      for (Index j = 0; j <= i; ++j) {
        const auto c = rows.factor.spread(g, i, j);
        const Index place = missing[i] * d + missing[j];
        if constexpr (Shared) {
          shared_[static_cast<std::size_t>(place)] += all * c;
        } else {
          double* s2 = s2_.data() + (g * d * d + place) * kL;
          store(s2, load(s2) + m * c);
        }
      }
  }

  // s2 += w z^T of the rows in the batch, lower triangle.
  void flush(Index g) {
    const Index d = lanes_.d;
    const Index rows = std::exchange(filled_[static_cast<std::size_t>(g)], 0);
    if (rows == 0) return;
    const double* z = z_.data() + g * kBatch * lanes_.ld * kL;
    const double* w = w_.data() + g * kBatch * lanes_.ld * kL;
    double* s2 = s2_.data() + (Shared ? 0 : g * d * d * kL);
    by_fours(d, [&](auto height, Index a) {
      constexpr int R = decltype(height)::value;
      Index b = 0;
      for (; b + 2 <= a + R; b += 2)
        tile<R, 2>(rows, w + a * kL, z + b * kL, s2 + (a * d + b) * kL);
      if (b < a + R) tile<R, 1>(rows, w + a * kL, z + b * kL, s2 + (a * d + b) * kL);
    });
  }

  // Entries above the diagonal, in the tiles that it crosses, are summed too and never read.
  template <int R, int C>
  void tile(Index rows, const double* w, const double* z, double* s2) const {
    const Index row = lanes_.d * kL, own = lanes_.ld * kL;
    Lane sum[R][C];
    GIBBOUS_UNROLL
    for (int i = 0; i < R; ++i) GIBBOUS_UNROLL
    for (int j = 0; j < C; ++j) sum[i][j] = load(s2 + i * row + j * kL);
    for (Index n = 0; n < rows; ++n, w += own, z += own) {
      GIBBOUS_UNROLL
      for (int i = 0; i < R; ++i) GIBBOUS_UNROLL
      for (int j = 0; j < C; ++j) sum[i][j] += load(w + i * kL) * load(z + j * kL);
    }
    GIBBOUS_UNROLL
    for (int i = 0; i < R; ++i) GIBBOUS_UNROLL
    for (int j = 0; j < C; ++j) store(s2 + i * row + j * kL, sum[i][j]);
  }

  const Lanes& lanes_;
  Buffer<double> nk_, s1_;     // [g], [g][d]
  Buffer<double> s2_;          // full [g][d][d], tied [d][d]
  Buffer<double> shared_;      // tied: [d][d] covariance of missing entries
  Buffer<double> mass_;        // [g] sum of the responsibilities of the pattern so far
  Buffer<double> z_, w_;       // [g][kBatch][ld] differences, and these times responsibilities
  std::vector<Index> filled_;  // [g] rows in the batch
};

template <bool Shared>
void Sums<Shared>::add_to(double* nk, double* s1, double* s2) {
  for (Index g = 0; g < lanes_.groups; ++g) flush(g);
  const Index d = lanes_.d;
  const auto at = [&](const Buffer<double>& sums, Index c, Index numbers, Index i) {
    return sums[static_cast<std::size_t>((c / kL * numbers + i) * kL + c % kL)];
  };
  for (Index c = 0; c < lanes_.k; ++c) {
    nk[c] += at(nk_, c, 1, 0);
    for (Index a = 0; a < d; ++a) s1[c * d + a] += at(s1_, c, d, a);
    if constexpr (!Shared) {
      double* out = s2 + c * (d * (d + 1) / 2);
      for (Index a = 0; a < d; ++a)
        for (Index b = 0; b <= a; ++b) *out++ += at(s2_, c, d * d, a * d + b);
    }
  }
  if constexpr (Shared)
    for (Index a = 0; a < d; ++a)
      for (Index b = 0; b <= a; ++b)
        *s2++ += lane_sum<double>(load(s2_.data() + (a * d + b) * kL)) +
                 shared_[static_cast<std::size_t>(a * d + b)];
}

}  // namespace gibbous::gmm::missing
