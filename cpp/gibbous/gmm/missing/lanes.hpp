// SPDX-License-Identifier: Apache-2.0
// Components as lanes: every entry of a matrix is a vector over as many components as fit, so that
// small matrices need no blocking and no sums across lanes. In double for every T: there are few
// such numbers, and Schur complements cancel. Internal to the mixture's sources.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "gibbous/gmm/missing/mixture.hpp"
#include "gibbous/ground/simd.hpp"

namespace gibbous::gmm::missing {

using Lane = Vec<double>;
inline constexpr Index kL = kLanes<double>;

// Rows of one pattern that are processed together.
inline constexpr int kTogether = 4;

// An entry of a covariance: one number per component, or one for all of them.
template <bool Shared>
struct Entry {
  typedef Lane type;
  static constexpr Index width = kL;
  static GIBBOUS_INLINE type get(const double* p) { return load(p); }
  static GIBBOUS_INLINE void put(double* p, const type& v) { store(p, v); }
  static GIBBOUS_INLINE type root(const type& v) {
    type s;
    GIBBOUS_UNROLL
    for (int i = 0; i < kL; ++i) s[i] = std::sqrt(v[i]);
    return s;
  }
  static GIBBOUS_INLINE type most(const type& a, const type& b) { return a > b ? a : b; }
  static GIBBOUS_INLINE type log(const type& v) { return vlog<double>(v); }
};
template <>
struct Entry<true> {
  typedef double type;
  static constexpr Index width = 1;
  static GIBBOUS_INLINE type get(const double* p) { return *p; }
  static GIBBOUS_INLINE void put(double* p, double v) { *p = v; }
  static GIBBOUS_INLINE type root(double v) { return std::sqrt(v); }
  static GIBBOUS_INLINE type most(double a, double b) { return a > b ? a : b; }
  static GIBBOUS_INLINE type log(double v) { return std::log(v); }
};

// Runs body(integral_constant<int, R>, begin) over [0, n) in steps of 4 and a remainder of R < 4.
template <class Body>
GIBBOUS_INLINE void by_fours(Index n, Body&& body) {
  Index i = 0;
  for (; i + 4 <= n; i += 4) body(std::integral_constant<int, 4>{}, i);
  switch (n - i) {
    case 3: body(std::integral_constant<int, 3>{}, i); break;
    case 2: body(std::integral_constant<int, 2>{}, i); break;
    case 1: body(std::integral_constant<int, 1>{}, i); break;
    default: break;
  }
}

// A mixture with full or tied covariances, with components as lanes. Those that pad the last vector
// have weight 0.
struct Lanes {
  Covariance type;
  Index k, d, groups;
  Index ld;                   // row stride of a matrix: odd, so that rows do not compete
                              // for a cache set
  double log_p_of_nothing;    // log p of a row without observed entries
  Buffer<double> log_weight;  // [g]
  Buffer<double> mean;        // [g][d]
  Buffer<double> shift;       // [g][d] mean - about; empty for none
  Buffer<double> spread;      // full [g][d][ld], tied one number per entry [d][ld]

  template <class T>
  Lanes(const Joint<T>& joint, const T* about)
      : type(joint.type),
        k(joint.k),
        d(joint.d),
        groups((joint.k + kL - 1) / kL),
        ld(joint.d | 1),
        log_p_of_nothing(joint.log_p_of_nothing()) {
    const auto size = [&](Index n) { return static_cast<std::size_t>(groups * n * kL); };
    const auto at = [&](Index c, Index numbers) { return (c / kL * numbers) * kL + c % kL; };
    log_weight.assign(size(1), -std::numeric_limits<double>::infinity());
    mean.assign(size(d), 0.0);
    if (about) shift.assign(size(d), 0.0);
    for (Index c = 0; c < k; ++c) {
      log_weight[static_cast<std::size_t>(c)] = joint.log_weight(c);
      for (Index a = 0; a < d; ++a) {
        const auto place = static_cast<std::size_t>(at(c, d) + a * kL);
        mean[place] = static_cast<double>(joint.means[c * d + a]);
        if (about) shift[place] = mean[place] - static_cast<double>(about[c * d + a]);
      }
    }
    if (type == Covariance::tied) {
      spread.assign(static_cast<std::size_t>(d * ld), 0.0);
      for (Index a = 0; a < d; ++a)
        std::copy_n(joint.covariances + a * d, d, spread.begin() + a * ld);
      return;
    }
    const Index numbers = d * ld;
    spread.assign(size(numbers), 0.0);
    const auto place = [&](Index c, Index a, Index b) {
      return static_cast<std::size_t>(at(c, numbers) + (a * ld + b) * kL);
    };
    for (Index c = k; c < groups * kL; ++c)  // identity for the padding components
      for (Index a = 0; a < d; ++a) spread[place(c, a, a)] = 1.0;
    for (Index c = 0; c < k; ++c)
      for (Index a = 0; a < d; ++a)
        for (Index b = 0; b < d; ++b)
          spread[place(c, a, b)] = static_cast<double>(joint.covariances[(c * d + a) * d + b]);
  }
};

// The observed entries of a row.
struct Split {
  std::vector<Index> observed, missing;

  template <class T>
  void read(const T* x, Index d) {
    observed.clear();
    missing.clear();
    for (Index a = 0; a < d; ++a) (std::isnan(x[a]) ? missing : observed).push_back(a);
  }
  Index p() const { return static_cast<Index>(observed.size()); }
  Index q() const { return static_cast<Index>(missing.size()); }
  Index operator[](Index a) const {
    return a < p() ? observed[static_cast<std::size_t>(a)]
                   : missing[static_cast<std::size_t>(a - p())];
  }
};

}  // namespace gibbous::gmm::missing
