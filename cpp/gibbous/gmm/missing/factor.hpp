// SPDX-License-Identifier: Apache-2.0
// One pattern of missing entries of a mixture with full or tied covariances S: the density of the
// observed entries o under each component, and the distribution of the missing ones m given these.
// Internal to the mixture's sources. There are two methods; the cheaper one is chosen for each
// pattern (p observed, q missing):
//
//   by covariances, p^3 / 6 + p^2 q / 2 + p q^2 / 2:  S_oo = L L^T, M = S_mo L^-T,
//     y = L^-1 z_o,  E[z_m] = M y,  C = S_mm - M M^T
//   by precisions P = S^-1 = W^T W, q^3 / 2, and d^2 / 2 per row:  P_mm = R R^T,
//     E[z_m] = -P_mm^-1 P_mo z_o,  y = W z,  C = P_mm^-1,  log|S_oo| = log|S| + log|P_mm|
//
// where z = x - mu and |y|^2 is the Mahalanobis distance of the observed entries: missing entries
// that are replaced by their expectations add nothing to it.
#pragma once
#include <vector>

#include "gibbous/gmm/missing/triangle.hpp"

namespace gibbous::gmm::missing {

// W and P of the mixture, computed once per call.
template <bool Shared>
struct Precisions {
  static constexpr Index kWidth = Entry<Shared>::width;
  Index groups;
  Buffer<double> w, p;     // [g][d][d]; W lower triangles, P full
  Buffer<double> log_det;  // [g] half of log|S|

  explicit Precisions(const Lanes& lanes)
      : groups(Shared ? 1 : lanes.groups), w(lanes.spread.size()), p(lanes.spread.size()) {
    const Index d = lanes.d, ld = lanes.ld, size = d * ld * kWidth;
    std::vector<Index> all(static_cast<std::size_t>(d));
    for (Index a = 0; a < d; ++a) all[static_cast<std::size_t>(a)] = a;
    Triangle<Shared> triangle(lanes.spread.data(), d, ld, groups);
    triangle.factorize(all, nullptr);
    for (Index g = 0; g < groups; ++g) triangle.invert(g, w.data() + g * size);
    log_det.resize(static_cast<std::size_t>(lanes.groups * kL));
    for (Index g = 0; g < lanes.groups; ++g) store(log_det.data() + g * kL, triangle.log_det(g));
    for (Index g = 0; g < groups; ++g) {
      double* out = p.data() + g * size;
      gram<Shared>(w.data() + g * size, d, ld * kWidth, out);
      for (Index a = 0; a < d; ++a)
        for (Index b = 0; b < a; ++b)
          std::copy_n(out + (a * ld + b) * kWidth, kWidth, out + (b * ld + a) * kWidth);
    }
  }
};

template <bool Shared>
class Factor {
 public:
  using E = Entry<Shared>;
  using Value = typename E::type;
  using Tables = Precisions<Shared>;
  static constexpr Index kWidth = E::width;
  static constexpr bool kShared = Shared;

  Factor(const Lanes& lanes, const Tables& tables)
      : lanes_(lanes),
        tables_(tables),
        groups_(tables.groups),
        by_covariance_(lanes.spread.data(), lanes.d, lanes.ld, tables.groups),
        by_precision_(tables.p.data(), lanes.d, lanes.ld, tables.groups),
        c_(lanes.spread.size()),
        inverse_(c_.size()),
        y_(static_cast<std::size_t>(kTogether * lanes.d * kL)) {}

  // Call at the start of a task: results then depend on the task alone.
  void forget() {
    by_covariance_.forget();
    by_precision_.forget();
  }

  // Sets the pattern. `regress`: missing entries will be requested; `cut`: L and M will be, too.
  void begin(const Split& split, bool regress, bool cut) {
    split_ = &split;
    regress_ = regress;
    precise_ = !cut && precisions_are_cheaper();
    if (precise_)
      by_precision_.factorize(split.missing, nullptr);
    else
      by_covariance_.factorize(split.observed, regress ? &split.missing : nullptr);
  }

  Lane log_det(Index g) const {
    if (!precise_) return by_covariance_.log_det(g);
    return load(tables_.log_det.data() + g * kL) + by_precision_.log_det(g);
  }

  // |y|^2 of R rows z [r][feature], `stride` numbers apart; fills in their missing entries if these
  // are requested.
  template <int R>
  void explain(Index g, double* z, Index stride, Lane (&norm)[R]) {
    if (precise_) {
      if (split_->q() > 0) expect_by_precision<R>(g, z, stride);
      distance_by_precision<R>(g, z, stride, norm);
    } else {
      distance_by_covariance<R>(g, z, stride, norm);
      if (regress_) expect_by_covariance<R>(g, z, stride);
    }
  }

  // C of group g and of all groups that share its covariance.
  void complement(Index g) {
    const Index step = lanes_.ld * kWidth, at = (Shared ? 0 : g) * lanes_.d * step;
    if (!precise_) return complement_by_covariance(g, c_.data() + at);
    by_precision_.invert(g, inverse_.data() + at);
    gram<Shared>(inverse_.data() + at, split_->q(), step, c_.data() + at);
  }
  void complement() {
    for (Index g = 0; g < groups_; ++g) complement(g);
  }

  // Entry (i, j), j <= i, of C.
  Value spread(Index g, Index i, Index j) const {
    return E::get(c_.data() + (((Shared ? 0 : g) * lanes_.d + i) * lanes_.ld + j) * kWidth);
  }
  double spread_of(Index component, Index i, Index j) const {
    return spread_number(component, i, j);
  }
  // One component's entry of L or M: row of a feature, column of the b-th observed one.
  double entry(Index component, Index feature, Index b) const {
    return by_covariance_.entry(component, feature, b);
  }

 private:
  double spread_number(Index component, Index i, Index j) const {
    const Index g = Shared ? 0 : component / kL;
    return c_[static_cast<std::size_t>(((g * lanes_.d + i) * lanes_.ld + j) * kWidth +
                                       (Shared ? 0 : component % kL))];
  }

  bool precisions_are_cheaper() const {
    const double p = static_cast<double>(split_->p()), q = static_cast<double>(split_->q());
    const double d = p + q, row = p * q + q * q + d * d / 2;
    if (!regress_) return q * q * q / 6 + row < p * p * p / 6 + p * p / 2;
    return q * q * q / 2 + row < p * (p * p / 6 + p * q / 2 + q * q / 2 + p / 2 + q);
  }

  const double* table(const Buffer<double>& of, Index g, Index a) const {
    return of.data() + ((Shared ? 0 : g) * lanes_.d + a) * lanes_.ld * kWidth;
  }

  // ---- by covariances ----

  template <int R>
  void distance_by_covariance(Index g, const double* z, Index stride, Lane (&norm)[R]) {
    constexpr int U = kTogether / R;  // partial sums, to hide the latency of the additions
    const Index p = split_->p(), own = lanes_.d * kL;
    double* y = y_.data();
    GIBBOUS_UNROLL
    for (int r = 0; r < R; ++r) norm[r] = Lane{};
    for (Index b = 0; b < p; ++b) {
      const Index feature = split_->observed[static_cast<std::size_t>(b)];
      const double* l = by_covariance_.row(g, feature);
      Lane sum[R][U] = {};
      Index c = 0;
      for (; c + U <= b; c += U) GIBBOUS_UNROLL
      for (int u = 0; u < U; ++u) {
        const Value lc = E::get(l + (c + u) * kWidth);
        GIBBOUS_UNROLL
        for (int r = 0; r < R; ++r) sum[r][u] += load(y + r * own + (c + u) * kL) * lc;
      }
      for (; c < b; ++c) {
        const Value lc = E::get(l + c * kWidth);
        GIBBOUS_UNROLL
        for (int r = 0; r < R; ++r) sum[r][0] += load(y + r * own + c * kL) * lc;
      }
      const Value scale = by_covariance_.inverse(g, b);
      GIBBOUS_UNROLL
      for (int r = 0; r < R; ++r) {
        Lane s = sum[r][0];
        GIBBOUS_UNROLL
        for (int u = 1; u < U; ++u) s += sum[r][u];
        const Lane v = (load(z + r * stride + feature * kL) - s) * scale;
        store(y + r * own + b * kL, v);
        norm[r] += v * v;
      }
    }
  }

  // M y for the y computed last.
  template <int R>
  void expect_by_covariance(Index g, double* z, Index stride) {
    const Index p = split_->p(), own = lanes_.d * kL;
    by_fours(split_->q(), [&](auto rows, Index j) {
      constexpr int Q = decltype(rows)::value;
      const Index* features = split_->missing.data() + j;
      const double* m[Q];
      for (int n = 0; n < Q; ++n) m[n] = by_covariance_.row(g, features[n]);
      for (int r = 0; r < R; ++r) {
        const double* y = y_.data() + r * own;
        Lane sum[Q] = {};
        for (Index c = 0; c < p; ++c) {
          const Lane yc = load(y + c * kL);
          GIBBOUS_UNROLL
          for (int n = 0; n < Q; ++n) sum[n] += yc * E::get(m[n] + c * kWidth);
        }
        GIBBOUS_UNROLL
        for (int n = 0; n < Q; ++n) store(z + r * stride + features[n] * kL, sum[n]);
      }
    });
  }

  void complement_by_covariance(Index g, double* out) {
    const Index p = split_->p(), step = lanes_.ld * kWidth;
    const Index* features = split_->missing.data();
    by_fours(split_->q(), [&](auto rows, Index i) {
      constexpr int R = decltype(rows)::value;
      const double* m[R];
      for (int n = 0; n < R; ++n) m[n] = by_covariance_.row(g, features[i + n]);
      const auto columns = [&](auto count, Index j) {
        constexpr int C = decltype(count)::value;
        Value sum[R][C] = {};
        for (Index c = 0; c < p; ++c) GIBBOUS_UNROLL
        for (int n = 0; n < R; ++n) GIBBOUS_UNROLL
        for (int l = 0; l < C; ++l)
          sum[n][l] += E::get(m[n] + c * kWidth) *
                       E::get(by_covariance_.row(g, features[j + l]) + c * kWidth);
        for (int n = 0; n < R; ++n)
          for (int l = 0; l < C; ++l)
            if (j + l <= i + n)
              E::put(out + (i + n) * step + (j + l) * kWidth,
                     E::get(table(lanes_.spread, g, features[i + n]) + features[j + l] * kWidth) -
                         sum[n][l]);
      };
      Index j = 0;
      for (; j + 2 <= i + R; j += 2) columns(std::integral_constant<int, 2>{}, j);
      if (j < i + R) columns(std::integral_constant<int, 1>{}, j);
    });
  }

  // ---- by precisions ----

  // -P_mm^-1 P_mo z_o.
  template <int R>
  void expect_by_precision(Index g, double* z, Index stride) {
    const Index q = split_->q(), own = lanes_.d * kL;
    const Index* features = split_->missing.data();
    by_fours(q, [&](auto rows, Index j) {
      constexpr int Q = decltype(rows)::value;
      const double* p[Q];
      for (int n = 0; n < Q; ++n) p[n] = table(tables_.p, g, features[j + n]);
      for (int r = 0; r < R; ++r) {
        Lane sum[Q] = {};
        for (const Index b : split_->observed) {
          const Lane zb = load(z + r * stride + b * kL);
          GIBBOUS_UNROLL
          for (int n = 0; n < Q; ++n) sum[n] += zb * E::get(p[n] + b * kWidth);
        }
        GIBBOUS_UNROLL
        for (int n = 0; n < Q; ++n) store(y_.data() + r * own + (j + n) * kL, sum[n]);
      }
    });
    for (Index a = 0; a < q; ++a) {  // R^-1
      const double* l = by_precision_.row(g, features[a]);
      const Value scale = by_precision_.inverse(g, a);
      for (int r = 0; r < R; ++r) {
        double* y = y_.data() + r * own;
        Lane sum = load(y + a * kL);
        for (Index c = 0; c < a; ++c) sum -= load(y + c * kL) * E::get(l + c * kWidth);
        store(y + a * kL, sum * scale);
      }
    }
    for (Index a = q - 1; a >= 0; --a) {  // -R^-T, column by column
      const double* l = by_precision_.row(g, features[a]);
      const Value scale = by_precision_.inverse(g, a);
      for (int r = 0; r < R; ++r) {
        double* y = y_.data() + r * own;
        const Lane v = load(y + a * kL) * scale;
        for (Index c = 0; c < a; ++c)
          store(y + c * kL, load(y + c * kL) - v * E::get(l + c * kWidth));
        store(z + r * stride + features[a] * kL, -v);
      }
    }
  }

  template <int R>
  void distance_by_precision(Index g, const double* z, Index stride, Lane (&norm)[R]) const {
    const Index d = lanes_.d;
    GIBBOUS_UNROLL
    for (int r = 0; r < R; ++r) norm[r] = Lane{};
    by_fours(d, [&](auto rows, Index a) {
      constexpr int Q = decltype(rows)::value;
      const double* w[Q];
      for (int n = 0; n < Q; ++n) w[n] = table(tables_.w, g, a + n);
      for (int r = 0; r < R; ++r) {
        const double* zr = z + r * stride;
        Lane y[Q] = {};
        for (Index b = 0; b < a; ++b) {
          const Lane zb = load(zr + b * kL);
          GIBBOUS_UNROLL
          for (int n = 0; n < Q; ++n) y[n] += zb * E::get(w[n] + b * kWidth);
        }
        GIBBOUS_UNROLL
        for (int n = 0; n < Q; ++n) {
          GIBBOUS_UNROLL
          for (int b = 0; b <= n; ++b)
            y[n] += load(zr + (a + b) * kL) * E::get(w[n] + (a + b) * kWidth);
          norm[r] += y[n] * y[n];
        }
      }
    });
  }

  const Lanes& lanes_;
  const Tables& tables_;
  Index groups_;
  const Split* split_ = nullptr;
  bool regress_ = false, precise_ = false;
  Triangle<Shared> by_covariance_, by_precision_;
  Buffer<double> c_;        // [g][missing][missing]
  Buffer<double> inverse_;  // [g][missing][missing] R^-1
  Buffer<double> y_;        // [row][place]
};

}  // namespace gibbous::gmm::missing
