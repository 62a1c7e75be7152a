// SPDX-License-Identifier: Apache-2.0
// Mixtures with test data, and reference results from plain loops in long double.
#pragma once
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/gmm/mixture.hpp"
#include "tests/check.hpp"

namespace cases {

using namespace gibbous;
using gmm::Covariance;
using Real = long double;

inline constexpr Covariance kTypes[] = {Covariance::full, Covariance::tied, Covariance::diag,
                                        Covariance::spherical};
inline const char* name(Covariance type) {
  constexpr const char* names[] = {"full", "tied", "diag", "spherical"};
  return names[static_cast<int>(type)];
}

inline std::size_t size(Index n) { return static_cast<std::size_t>(n); }
inline bool triangular(Covariance type) {
  return type == Covariance::full || type == Covariance::tied;
}
// Size of an array of covariances or factors.
inline Index parameters(Covariance type, Index k, Index d) {
  if (type == Covariance::full) return k * d * d;
  if (type == Covariance::tied) return d * d;
  return type == Covariance::diag ? k * d : k;
}

// Arrays have no slack, so that the address sanitizer detects access past the end.
template <class T>
struct Case {
  Covariance type;
  Index k, d, n;
  std::vector<T> x, weight, weights, means, factors, center;
  std::vector<double> log_weights = {};  // replaces log(weights) if not empty

  Rows<T> rows() const { return {x.data(), n, d, weight.empty() ? nullptr : weight.data()}; }
  gmm::Mixture<T> mixture() const {
    return {type,
            k,
            d,
            weights.data(),
            means.data(),
            factors.data(),
            log_weights.empty() ? nullptr : log_weights.data()};
  }
  gmm::Origin<T> origin(bool folded) const { return {folded ? center.data() : nullptr, nullptr}; }

  // Entry (b, a), b <= a, of component j's factor.
  T factor(Index j, Index b, Index a) const {
    if (type == Covariance::full) return factors[size((j * d + b) * d + a)];
    if (type == Covariance::tied) return factors[size(b * d + a)];
    return factors[size(type == Covariance::diag ? j * d + a : j)];
  }
};

// Overlapping components, whose responsibilities are neither 0 nor 1; `apart` increases the
// distances between them. If rows are weighted, every fifth has weight 0.
template <class T>
Case<T> make(Covariance type, Index k, Index d, Index n, bool weighted, check::Uniforms& draw,
             double apart = 1) {
  Case<T> c{type, k, d, n, {}, {}, {}, {}, {}, {}};
  const auto fill = [&](std::vector<T>& v, Index count, double low, double high) {
    v.resize(size(count));
    for (T& number : v) number = static_cast<T>(draw(low, high));
  };
  const double reach = apart * std::sqrt(6.0 / static_cast<double>(d));
  fill(c.weights, k, 0.1, 1);
  fill(c.means, k * d, -reach, reach);
  fill(c.center, d, -4, 4);
  for (Index i = 0; i < k * d; ++i) c.means[size(i)] += c.center[size(i % d)];
  fill(c.factors, parameters(type, k, d), 0.8, 1.25);
  if (triangular(type))  // below the diagonal: must not be read
    for (std::size_t i = 0; i < c.factors.size(); ++i) {
      const Index a = static_cast<Index>(i) % d, b = static_cast<Index>(i) / d % d;
      if (b < a) c.factors[i] = static_cast<T>(draw(-0.3, 0.3) / std::sqrt(double(d)));
      if (b > a) c.factors[i] = std::numeric_limits<T>::quiet_NaN();
    }
  fill(c.x, n * d, -1.7, 1.7);
  for (Index i = 0; i < n * d; ++i) c.x[size(i)] += c.means[size(i / d % k * d + i % d)];
  if (weighted) {
    fill(c.weight, n, 0.25, 3);
    for (Index i = 3; i < n; i += 5) c.weight[size(i)] = 0;
  }
  return c;
}

// A sum, and a bound on its rounding error in T.
struct Sum {
  Real value = 0, slack = 0;
  void add(Real term, Real relative) {
    value += term;
    slack += std::fabs(term) * relative;
  }
};

struct Truth {
  Sum log_likelihood, entropy;
  std::vector<Sum> log_prob;           // (n,)
  std::vector<Real> responsibilities;  // (n, k), not multiplied by the weights of the rows
  std::vector<Sum> nk, s1, s2;         // as in gmm::Statistics
};

// Roundings of sums in T that the kernels make before they continue in double.
template <class T>
Real rounding(Index d) {
  return std::numeric_limits<T>::epsilon() * (4 + std::sqrt(Real(d)));
}

// log w_j + log-density of row i under component j. Its slack is that of U^T (x - mu), or of U^T (x
// - center) - U^T (mu - center) if folded.
template <class T>
Sum log_density(const Case<T>& c, bool folded, Index i, Index j) {
  const T* x = c.x.data() + i * c.d;
  const T* mu = c.means.data() + j * c.d;
  Real norm = 0, reach = 0,
       constant = c.log_weights.empty() ? std::log(Real(c.weights[size(j)]))
                                        : Real(c.log_weights[size(j)]);
  for (Index a = 0; a < c.d; ++a) {
    Real y = 0, most = 0;
    for (Index b = triangular(c.type) ? 0 : a; b <= a; ++b) {
      const Real u = c.factor(j, b, a), z = Real(x[b]) - mu[b], o = c.center[size(b)];
      y += u * z;
      most += std::fabs(u) * (folded ? std::fabs(x[b] - o) + std::fabs(mu[b] - o) : std::fabs(z));
    }
    norm += y * y;
    reach += most * most;
    constant += std::log(Real(c.factor(j, a, a))) - 0.5L * std::log(2 * std::acos(-1.0L));
  }
  const Real size = 1 + reach / 2 + (std::isfinite(constant) ? std::fabs(constant) : 0);
  return {constant - norm / 2, rounding<T>(c.d) * size};
}

// Adds row i with responsibility r (times its weight) of component j about `origin` to out.
template <class T>
void add_moments(const Case<T>& c, bool tied_folded, Index i, Index j, const T* origin, Real r,
                 Real relative, Truth& out) {
  const Index d = c.d, packed = d * (d + 1) / 2;
  const auto z = [&](Index a) { return Real(c.x[size(i * d + a)]) - origin[a]; };
  out.nk[size(j)].add(r, relative);
  for (Index a = 0; a < d; ++a) {
    out.s1[size(j * d + a)].add(r * z(a), relative);
    if (c.type == Covariance::diag) out.s2[size(j * d + a)].add(r * z(a) * z(a), relative);
    if (c.type == Covariance::spherical) out.s2[size(j)].add(r * z(a) * z(a), relative);
    if (!triangular(c.type) || tied_folded) continue;
    Sum* row = out.s2.data() + (c.type == Covariance::full ? j * packed : 0) + a * (a + 1) / 2;
    for (Index b = 0; b <= a; ++b) row[b].add(r * z(a) * z(b), relative);
  }
}

// Allocates the statistics of c. The tiny slack is for responsibilities that the kernels flush to
// 0.
template <class T>
Truth no_rows(const Case<T>& c, bool folded) {
  Truth out;
  const Sum nothing{0, 1e-30L};
  out.nk.assign(size(c.k), nothing);
  out.s1.assign(size(c.k * c.d), nothing);
  out.s2.assign(size(gmm::second_moments(c.type, c.k, c.d, folded)), nothing);
  return out;
}

template <class T>
Truth truth(const Case<T>& c, bool folded) {
  Truth out = no_rows(c, folded);
  out.responsibilities.resize(size(c.n * c.k));
  std::vector<Sum> log_density_of(size(c.k));
  const Real sums = 64 * std::numeric_limits<T>::epsilon();
  for (Index i = 0; i < c.n; ++i) {
    Real top = -std::numeric_limits<Real>::infinity(), total = 0, slack = 0;
    for (Index j = 0; j < c.k; ++j) {
      log_density_of[size(j)] = log_density(c, folded, i, j);
      top = std::max(top, log_density_of[size(j)].value);
    }
    for (const Sum& s : log_density_of) total += std::exp(s.value - top);
    Real* r = out.responsibilities.data() + i * c.k;
    for (Index j = 0; j < c.k; ++j) {
      r[j] = std::exp(log_density_of[size(j)].value - top) / total;
      slack += r[j] * log_density_of[size(j)].slack;
    }
    const Real w = c.rows().w(i);
    out.log_prob.push_back({top + std::log(total), slack + rounding<T>(c.k)});
    out.log_likelihood.value += w * out.log_prob.back().value;
    out.log_likelihood.slack += w * out.log_prob.back().slack;
    for (Index j = 0; j < c.k; ++j) {  // dH = -p (1 + log p) d log p
      const Real plogp = r[j] > 0 ? r[j] * std::log(r[j]) : 0;
      out.entropy.value -= w * plogp;
      out.entropy.slack +=
          w * ((std::fabs(plogp) + r[j]) * (slack + log_density_of[size(j)].slack) +
               rounding<T>(c.k) * (r[j] + std::fabs(plogp)));
    }
    for (Index j = 0; j < c.k; ++j)
      add_moments(c, folded && c.type == Covariance::tied, i, j,
                  folded ? c.center.data() : c.means.data() + j * c.d, w * r[j],
                  slack + log_density_of[size(j)].slack + sums, out);
  }
  return out;
}

// Buffer for the output of a kernel; a number that is not written stays NaN.
struct Sums {
  double log_likelihood = std::numeric_limits<double>::quiet_NaN();
  double entropy = log_likelihood;
  std::vector<double> nk, s1, s2;

  Sums(Covariance type, Index k, Index d, bool folded)
      : nk(size(k), log_likelihood),
        s1(size(k * d), log_likelihood),
        s2(size(gmm::second_moments(type, k, d, folded)), log_likelihood) {}
  gmm::Statistics out(bool with_entropy = false) {
    return {nk.data(), s1.data(), s2.data(), with_entropy ? &entropy : nullptr};
  }
  bool operator==(const Sums& other) const {
    return log_likelihood == other.log_likelihood && nk == other.nk && s1 == other.s1 &&
           s2 == other.s2;
  }
};

template <class T>
Sums accumulate(const Case<T>& c, bool folded, int threads = 1, bool entropy = false) {
  Sums sums(c.type, c.k, c.d, folded);
  sums.log_likelihood = gmm::accumulate(c.rows(), c.mixture(), c.origin(folded), {threads, nullptr},
                                        sums.out(entropy));
  return sums;
}

// Describes the first number that differs by more than its slack; empty if there is none.
template <class Number>
std::string strays(const std::vector<Number>& got, const std::vector<Sum>& expected) {
  std::ostringstream text;
  if (got.size() != expected.size()) text << got.size() << " numbers, not " << expected.size();
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()) && !text.tellp(); ++i)
    if (!(std::fabs(got[i] - expected[i].value) <= expected[i].slack))
      text << "number " << i << " is " << got[i] << ", not " << expected[i].value << " +- "
           << expected[i].slack;
  return text.str();
}

template <class T>
std::string describe(const Case<T>& c, bool folded) {
  std::ostringstream text;
  text << name(c.type) << (folded ? " folded" : " direct") << ", k = " << c.k << ", d = " << c.d
       << ", n = " << c.n << (c.weight.empty() ? "" : ", weighted") << ", " << sizeof(T) * 8
       << " bits";
  return text.str();
}

inline void check_moments(const Sums& got, const Truth& expected, const std::string& what) {
  const std::string nk = strays(got.nk, expected.nk), s1 = strays(got.s1, expected.s1),
                    s2 = strays(got.s2, expected.s2);
  CHECK(nk.empty(), what << ", nk: " << nk);
  CHECK(s1.empty(), what << ", s1: " << s1);
  CHECK(s2.empty(), what << ", s2: " << s2);
}

inline void check_sums(const Sums& got, const Truth& expected, const std::string& what) {
  const std::string log =
      strays(std::vector<double>{got.log_likelihood}, std::vector<Sum>{expected.log_likelihood});
  CHECK(log.empty(), what << ", log-likelihood: " << log);
  check_moments(got, expected, what);
}

}  // namespace cases
