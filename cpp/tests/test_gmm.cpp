// SPDX-License-Identifier: Apache-2.0
// The mixture kernels against loops in long double, for every covariance type and sizes around the
// edges of tiles and groups. Arrays have no slack, so that the address sanitizer sees a step
// outside.
#include <cmath>
#include <vector>

#include "check.hpp"
#include "gibbous/gmm.hpp"

using namespace gibbous;
using gmm::Covariance;

namespace {

using Real = long double;
constexpr Covariance kTypes[] = {Covariance::full, Covariance::tied, Covariance::diag,
                                 Covariance::spherical};

template <class T>
struct Problem {
  Covariance type;
  Index n, k, d;
  std::vector<T> x, weight, weights, means, factors, centre;

  Problem(Covariance type_, Index n_, Index k_, Index d_, bool weighted, std::mt19937_64& engine)
      : type(type_), n(n_), k(k_), d(d_) {
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> unit(0.5, 1.5);
    const auto fill = [&](std::vector<T>& v, Index size, auto&& draw) {
      v.resize(static_cast<std::size_t>(size));
      for (T& e : v) e = static_cast<T>(draw());
    };
    fill(x, n * d, [&] { return normal(engine); });
    if (weighted) fill(weight, n, [&] { return std::floor(3 * unit(engine)) - 1; });
    fill(weights, k, [&] { return unit(engine) / double(k); });
    fill(means, k * d, [&] { return normal(engine); });
    fill(centre, d, [&] { return 0.1 * normal(engine); });
    const bool matrix = type == Covariance::full || type == Covariance::tied;
    const Index blocks = type == Covariance::tied ? 1 : k;
    fill(factors,
         blocks * (matrix                     ? d * d
                   : type == Covariance::diag ? d
                                              : 1),
         [&] { return unit(engine); });
    if (matrix)
      for (Index b = 0; b < blocks; ++b)
        for (Index i = 0; i < d; ++i)
          for (Index j = 0; j < d; ++j)
            if (i != j) factors[(b * d + i) * d + j] = i < j ? T(0.2 * normal(engine) / d) : T(0);
  }

  Rows<T> rows() const { return {x.data(), n, d, weight.empty() ? nullptr : weight.data()}; }
  gmm::Mixture<T> mixture() const {
    return {type, k, d, weights.data(), means.data(), factors.data()};
  }

  // log w_c + log N(x_i; mu_c, (U U^T)^-1)
  Real log_density(Index i, Index c) const {
    Real square = 0, log_det = 0;
    for (Index j = 0; j < d; ++j) {
      Real y = 0, diagonal = 0;
      if (type == Covariance::full || type == Covariance::tied) {
        const T* u = factors.data() + (type == Covariance::tied ? 0 : c * d * d);
        for (Index a = 0; a <= j; ++a) y += Real(u[a * d + j]) * delta(i, c, a);
        diagonal = u[j * d + j];
      } else {
        diagonal = type == Covariance::diag ? factors[c * d + j] : factors[c];
        y = diagonal * delta(i, c, j);
      }
      square += y * y;
      log_det += std::log(diagonal);
    }
    const Real log_2pi = std::log(2 * std::acos(Real(-1)));
    return std::log(Real(weights[c])) - Real(d) / 2 * log_2pi + log_det - square / 2;
  }
  Real delta(Index i, Index c, Index a) const { return Real(x[i * d + a]) - means[c * d + a]; }
};

struct Sums {
  std::vector<Real> nk, s1, s2, log_prob, responsibilities;
  Real value = 0;
};

template <class T>
Sums plain(const Problem<T>& p, bool folded) {
  const Index packed = p.d * (p.d + 1) / 2;
  Sums out;
  out.nk.resize(p.k);
  out.s1.resize(p.k * p.d);
  out.s2.resize(gmm::second_moments(p.type, p.k, p.d, folded));
  for (Index i = 0; i < p.n; ++i) {
    std::vector<Real> l(p.k);
    Real top = -INFINITY, sum = 0;
    for (Index c = 0; c < p.k; ++c) top = std::max(top, l[c] = p.log_density(i, c));
    for (Index c = 0; c < p.k; ++c) sum += std::exp(l[c] - top);
    const Real w = p.weight.empty() ? 1 : p.weight[i], log_prob = top + std::log(sum);
    out.log_prob.push_back(log_prob);
    out.value += w * log_prob;
    for (Index c = 0; c < p.k; ++c) {
      const Real share = std::exp(l[c] - log_prob), r = w * share;
      out.responsibilities.push_back(share);
      out.nk[c] += r;
      const auto z = [&](Index a) {
        return folded ? Real(p.x[i * p.d + a]) - p.centre[a] : p.delta(i, c, a);
      };
      for (Index a = 0; a < p.d; ++a) {
        out.s1[c * p.d + a] += r * z(a);
        if (p.type == Covariance::diag) out.s2[c * p.d + a] += r * z(a) * z(a);
        if (p.type == Covariance::spherical) out.s2[c] += r * z(a) * z(a);
        if (p.type == Covariance::tied && folded) continue;
        if (p.type == Covariance::full || p.type == Covariance::tied)
          for (Index b = 0; b <= a; ++b)
            out.s2[(p.type == Covariance::full ? c * packed : 0) + a * (a + 1) / 2 + b] +=
                r * z(a) * z(b);
      }
    }
  }
  return out;
}

// Largest difference, relative to the size of what is summed: n rows of numbers up to about 10.
template <class A, class B>
double apart(const A& got, const B& expected, Index n) {
  Real worst = got.size() == expected.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < expected.size() && i < got.size(); ++i) {
    const Real e = std::abs(Real(got[i]) - expected[i]) / (Real(n) + std::abs(expected[i]));
    if (!(e <= worst)) worst = e;
  }
  return double(worst);
}

template <class T>
void one(const Problem<T>& p, bool folded) {
  const double tolerance = sizeof(T) == 8 ? 1e-11 : 1e-3;
  const Sums expected = plain(p, folded);
  const gmm::Origin<T> origin{folded ? p.centre.data() : nullptr};
  std::vector<double> first;
  for (int threads : {1, 3}) {
    std::vector<double> nk(p.k), s1(p.k * p.d), s2(expected.s2.size());
    const double value = gmm::accumulate(p.rows(), p.mixture(), origin, {threads, nullptr},
                                         {nk.data(), s1.data(), s2.data()});
    const double worst =
        std::max({apart(nk, expected.nk, p.n), apart(s1, expected.s1, p.n),
                  apart(s2, expected.s2, p.n * p.d),
                  apart(std::vector<double>{value}, std::vector<Real>{expected.value}, p.n * p.d)});
    CHECK(worst <= tolerance, "accumulate is off by " << worst << ": type " << int(p.type) << ", n "
                                                      << p.n << ", k " << p.k << ", d " << p.d
                                                      << ", folded " << folded);
    std::vector<double> all{value};
    for (const auto* v : {&nk, &s1, &s2}) all.insert(all.end(), v->begin(), v->end());
    if (first.empty()) first = all;
    CHECK(first == all, "other bits on " << threads << " threads");
  }
  if (folded) return;
  std::vector<T> log_prob(p.n), responsibilities(p.n * p.k);
  std::vector<std::int64_t> labels(p.n);
  gmm::posterior(p.rows(), p.mixture(), {2, nullptr},
                 gmm::Posterior<T>{log_prob.data(), responsibilities.data(), labels.data()});
  const double worst = std::max(apart(log_prob, expected.log_prob, p.d),
                                apart(responsibilities, expected.responsibilities, 1));
  CHECK(worst <= tolerance, "posterior is off by " << worst << ": type " << int(p.type) << ", n "
                                                   << p.n << ", k " << p.k << ", d " << p.d);
  bool best = true;
  for (Index i = 0; i < p.n; ++i)
    for (Index c = 0; c < p.k; ++c)
      best &= responsibilities[i * p.k + labels[i]] >= responsibilities[i * p.k + c];
  CHECK(best, "a label is not the most probable component");
}

template <class T>
void all() {
  std::mt19937_64 engine(3);
  for (Covariance type : kTypes)
    for (Index d : {1, 2, 3, 4, 5, 8, 9, 17, 33})
      for (Index k : {1, 3, 4, 9})
        for (Index n : {1, 23, 130}) {
          const Problem<T> p(type, n, k, d, (n + k + d) % 2 == 0, engine);
          one(p, false);
          if (gmm::foldable(type, d)) one(p, true);
        }
}

// Covariances from factors and back: U (U U^T)^-1 U^T is one.
template <class T>
void factors() {
  std::mt19937_64 engine(4);
  for (Index d : {1, 2, 5, 8, 17}) {
    std::normal_distribution<double> normal;
    const Index k = 3;
    std::vector<T> covariances(k * d * d), u(k * d * d);
    for (Index c = 0; c < k; ++c) {
      std::vector<double> a(d * d);
      for (double& v : a) v = normal(engine) / double(d);
      for (Index i = 0; i < d; ++i)
        for (Index j = 0; j < d; ++j) {
          double s = i == j ? 1 : 0;
          for (Index m = 0; m < d; ++m) s += a[i * d + m] * a[j * d + m];
          covariances[(c * d + i) * d + j] = T(s);
        }
    }
    const Index failed =
        gmm::factorise(Covariance::full, k, d, covariances.data(), {2, nullptr}, u.data());
    CHECK(failed == -1, "component " << failed << " failed");
    double worst = 0;
    for (Index c = 0; c < k; ++c)
      for (Index i = 0; i < d; ++i)
        for (Index j = 0; j < d; ++j) {  // (U^T C U)_ij is one on the diagonal
          Real s = 0;
          for (Index a = 0; a < d; ++a)
            for (Index b = 0; b < d; ++b)
              s += Real(u[(c * d + a) * d + i]) * covariances[(c * d + a) * d + b] *
                   u[(c * d + b) * d + j];
          worst = std::max(worst, double(std::abs(s - (i == j ? 1 : 0))));
        }
    CHECK(worst <= (sizeof(T) == 8 ? 1e-12 : 1e-4), "U^T C U is off by " << worst << ", d " << d);
    covariances[(1 * d + d - 1) * d + d - 1] = T(-1);
    const Index second =
        gmm::factorise(Covariance::full, k, d, covariances.data(), {2, nullptr}, u.data());
    CHECK(second == 1, "the component that is not positive definite is 1, not " << second);
  }
}

}  // namespace

int main() {
  return check::run([] {
    all<float>();
    all<double>();
    factors<float>();
    factors<double>();
  });
}
