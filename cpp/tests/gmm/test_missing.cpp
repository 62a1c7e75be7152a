// SPDX-License-Identifier: Apache-2.0
// Mixtures on rows with missing entries: statistics, posterior and completions, compared with plain
// loops in long double.
#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "gibbous/gmm/missing/mixture.hpp"
#include "tests/gmm/cases.hpp"

using namespace gibbous;
using namespace cases;

namespace {

using Matrix = std::vector<Real>;  // (d, d)

// Inverse of a positive definite matrix, and half of its log-determinant, by Cholesky.
Matrix inverse(const Matrix& c, Index d, Real& log_det) {
  Matrix l(c.size(), 0), x(c.size(), 0), out(c.size(), 0);
  log_det = 0;
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b <= a; ++b) {
      Real s = c[size(a * d + b)];
      for (Index e = 0; e < b; ++e) s -= l[size(a * d + e)] * l[size(b * d + e)];
      l[size(a * d + b)] = a == b ? std::sqrt(s) : s / l[size(b * d + b)];
    }
  for (Index a = 0; a < d; ++a) {
    log_det += std::log(l[size(a * d + a)]);
    for (Index b = 0; b <= a; ++b) {
      Real s = a == b;
      for (Index e = b; e < a; ++e) s -= l[size(a * d + e)] * x[size(e * d + b)];
      x[size(a * d + b)] = s / l[size(a * d + a)];
    }
  }
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b < d; ++b)
      for (Index e = std::max(a, b); e < d; ++e)
        out[size(a * d + b)] += x[size(e * d + a)] * x[size(e * d + b)];
  return out;
}

template <class T>
struct Holes {
  Case<T> c;
  std::vector<T> covariances;
  std::vector<Index> rows, starts;

  gmm::Joint<T> joint() const {
    return {c.type, c.k, c.d, c.weights.data(), c.means.data(), covariances.data()};
  }
  gmm::Patterns patterns() const {
    return {rows.data(), starts.data(), static_cast<Index>(starts.size()) - 1};
  }
  bool there(Index i, Index a) const { return !std::isnan(c.x[size(i * c.d + a)]); }
  Matrix covariance(Index j) const {
    Matrix m(size(c.d * c.d), 0);
    for (Index a = 0; a < c.d; ++a)
      for (Index b = 0; b < c.d; ++b) {
        if (c.type == Covariance::full)
          m[size(a * c.d + b)] = covariances[size((j * c.d + a) * c.d + b)];
        else if (c.type == Covariance::tied)
          m[size(a * c.d + b)] = covariances[size(a * c.d + b)];
        else if (a == b)
          m[size(a * c.d + b)] = covariances[size(c.type == Covariance::diag ? j * c.d + a : j)];
      }
    return m;
  }
};

// The first `block` rows share one pattern, then complete rows follow, then one pattern per row;
// the last row has no observed entries.
template <class T>
Holes<T> make_holes(Covariance type, Index k, Index d, Index n, Index block, double share,
                    check::Uniforms& draw) {
  Holes<T> h;
  h.c = make<T>(type, k, d, n, true, draw);
  std::vector<T>& x = h.c.x;
  const T nothing = std::numeric_limits<T>::quiet_NaN();
  for (Index i = 0; i < n; ++i)
    for (Index a = 0; a < d; ++a) {
      const bool gone = i < block       ? a % 3 == 1
                        : i < 2 * block ? false
                        : i == n - 1    ? true
                                        : draw(0, 1) < share;
      if (gone) x[size(i * d + a)] = nothing;
    }
  const Index matrices = type == Covariance::full ? k : 1;
  if (triangular(type)) {
    h.covariances.resize(size(matrices * d * d));
    for (Index j = 0; j < matrices; ++j) {
      Matrix precision(size(d * d), 0);
      for (Index a = 0; a < d; ++a)
        for (Index b = 0; b < d; ++b)
          for (Index e = std::max(a, b); e < d; ++e)
            precision[size(a * d + b)] +=
                static_cast<Real>(h.c.factor(j, a, e)) * h.c.factor(j, b, e);
      Real log_det;
      const Matrix s = inverse(precision, d, log_det);
      for (Index i = 0; i < d * d; ++i)
        h.covariances[size(j * d * d + i)] = static_cast<T>(s[size(i)]);
    }
  } else {
    for (T f : h.c.factors) h.covariances.push_back(1 / (f * f));
  }
  std::map<std::string, std::vector<Index>> found;
  for (Index i = 0; i < n; ++i) {
    std::string mask;
    for (Index a = 0; a < d; ++a) mask += h.there(i, a) ? 'o' : '-';
    found[mask].push_back(i);
  }
  h.starts.push_back(0);
  for (const auto& [mask, members] : found) {
    h.rows.insert(h.rows.end(), members.begin(), members.end());
    h.starts.push_back(static_cast<Index>(h.rows.size()));
  }
  return h;
}

struct Expected {
  Real log_likelihood = 0;
  std::vector<Real> nk, s1, s2;  // s2 (k, d, d)
  std::vector<Real> log_prob, r, filled, variance;
};

template <class T>
Expected expect(const Holes<T>& h, const T* about) {
  const Index n = h.c.n, d = h.c.d, k = h.c.k;
  const T* origins = about ? about : h.c.means.data();
  Expected e;
  e.nk.assign(size(k), 0), e.s1.assign(size(k * d), 0), e.s2.assign(size(k * d * d), 0);
  e.r.resize(size(n * k));
  std::vector<Matrix> covariance;
  for (Index j = 0; j < k; ++j) covariance.push_back(h.covariance(j));
  for (Index i = 0; i < n; ++i) {
    std::vector<Index> o, m;
    for (Index a = 0; a < d; ++a) (h.there(i, a) ? o : m).push_back(a);
    const Index p = static_cast<Index>(o.size()), q = d - p;
    std::vector<Real> log_p(size(k)), hat(size(k * d)), left(size(k * d * d), 0);
    for (Index j = 0; j < k; ++j) {
      const Matrix& s = covariance[size(j)];
      const auto mean = [&](Index a) { return static_cast<Real>(h.c.means[size(j * d + a)]); };
      Matrix oo(size(p * p));
      for (Index a = 0; a < p; ++a)
        for (Index b = 0; b < p; ++b) oo[size(a * p + b)] = s[size(o[size(a)] * d + o[size(b)])];
      Real log_det;
      const Matrix precision = inverse(oo, p, log_det);
      std::vector<Real> z(size(p)), solved(size(p), 0);
      for (Index a = 0; a < p; ++a) z[size(a)] = h.c.x[size(i * d + o[size(a)])] - mean(o[size(a)]);
      Real norm = 0;
      for (Index a = 0; a < p; ++a) {
        for (Index b = 0; b < p; ++b) solved[size(a)] += precision[size(a * p + b)] * z[size(b)];
        norm += solved[size(a)] * z[size(a)];
      }
      log_p[size(j)] = std::log(static_cast<Real>(h.c.weights[size(j)])) - log_det -
                       (norm + static_cast<Real>(p) * 1.8378770664093454836L) / 2;
      for (Index a = 0; a < p; ++a) hat[size(j * d + o[size(a)])] = h.c.x[size(i * d + o[size(a)])];
      for (Index u = 0; u < q; ++u) {
        const Index a = m[size(u)];
        Real value = mean(a);
        for (Index b = 0; b < p; ++b) value += s[size(a * d + o[size(b)])] * solved[size(b)];
        hat[size(j * d + a)] = value;
        for (Index v = 0; v < q; ++v) {
          const Index b = m[size(v)];
          Real c = s[size(a * d + b)];
          for (Index f = 0; f < p; ++f)
            for (Index g = 0; g < p; ++g)
              c -= s[size(a * d + o[size(f)])] * precision[size(f * p + g)] *
                   s[size(o[size(g)] * d + b)];
          left[size((j * d + a) * d + b)] = c;
        }
      }
    }
    const Real top = *std::max_element(log_p.begin(), log_p.end());
    Real sum = 0;
    for (Real v : log_p) sum += std::exp(v - top);
    const Real log_prob = p == 0 ? 0 : top + std::log(sum);
    e.log_prob.push_back(log_prob);
    const Real w = h.c.weight[size(i)];
    e.log_likelihood += w * log_prob;
    for (Index j = 0; j < k; ++j) {
      const Real r = std::exp(log_p[size(j)] - top) / sum;
      e.r[size(i * k + j)] = r;
      e.nk[size(j)] += w * r;
      for (Index a = 0; a < d; ++a) {
        const Real za = hat[size(j * d + a)] - origins[size(j * d + a)];
        e.s1[size(j * d + a)] += w * r * za;
        for (Index b = 0; b < d; ++b)
          e.s2[size((j * d + a) * d + b)] +=
              w * r *
              (za * (hat[size(j * d + b)] - origins[size(j * d + b)]) +
               left[size((j * d + a) * d + b)]);
      }
    }
    for (Index a = 0; a < d; ++a) {
      Real mean = 0, second = 0;
      for (Index j = 0; j < k; ++j) mean += e.r[size(i * k + j)] * hat[size(j * d + a)];
      for (Index j = 0; j < k; ++j) {
        const Real z = hat[size(j * d + a)] - mean;
        second += e.r[size(i * k + j)] * (z * z + left[size((j * d + a) * d + a)]);
      }
      e.filled.push_back(h.there(i, a) ? static_cast<Real>(h.c.x[size(i * d + a)]) : mean);
      e.variance.push_back(h.there(i, a) ? 0 : second);
    }
  }
  return e;
}

// Second moments (k, d, d) in the layout of the core.
std::vector<Real> laid_out(const std::vector<Real>& s2, Covariance type, Index k, Index d) {
  std::vector<Real> out(size(gmm::second_moments(type, k, d, false)), 0);
  for (Index j = 0; j < k; ++j)
    for (Index a = 0; a < d; ++a)
      for (Index b = 0; b <= a; ++b) {
        const Real v = s2[size((j * d + a) * d + b)];
        const Index low = a * (a + 1) / 2 + b;
        if (type == Covariance::full) out[size(j * (d * (d + 1) / 2) + low)] = v;
        if (type == Covariance::tied) out[size(low)] += v;
        if (a != b) continue;
        if (type == Covariance::diag) out[size(j * d + a)] = v;
        if (type == Covariance::spherical) out[size(j)] += v;
      }
  return out;
}

template <class A, class B>
Real farthest(const std::vector<A>& a, const std::vector<B>& b) {
  Real most = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max(most, std::fabs(static_cast<Real>(a[i]) - static_cast<Real>(b[i])));
  return most;
}

template <class T>
void sums_are_right(const Holes<T>& h, const std::string& what) {
  const Index k = h.c.k, d = h.c.d;
  const Real slack = (sizeof(T) == 8 ? 1e-12L : 1e-4L) * static_cast<Real>(h.c.n);
  std::vector<T> shifted = h.c.means;
  for (std::size_t i = 0; i < shifted.size(); ++i) shifted[i] += static_cast<T>(i % 5) - 2;
  for (const T* about : {static_cast<const T*>(nullptr), static_cast<const T*>(shifted.data())}) {
    const Expected e = expect(h, about);
    std::vector<double> first;
    for (int threads : {1, 3}) {
      std::vector<double> nk(size(k)), s1(size(k * d)),
          s2(size(gmm::second_moments(h.c.type, k, d, false)));
      const double value =
          gmm::accumulate_missing(h.c.rows(), h.patterns(), h.joint(), about,
                                  Execution{threads, nullptr}, {nk.data(), s1.data(), s2.data()});
      CHECK(std::fabs(value - e.log_likelihood) <= slack, what << ": log-likelihood");
      CHECK(farthest(nk, e.nk) <= slack, what << ": nk off by " << farthest(nk, e.nk));
      CHECK(farthest(s1, e.s1) <= slack, what << ": s1 off by " << farthest(s1, e.s1));
      const auto second = laid_out(e.s2, h.c.type, k, d);
      CHECK(farthest(s2, second) <= 8 * slack, what << ": s2 off by " << farthest(s2, second));
      nk.insert(nk.end(), s1.begin(), s1.end());
      nk.insert(nk.end(), s2.begin(), s2.end());
      nk.push_back(value);
      if (first.empty()) first = nk;
      CHECK(first == nk, what << ": other bits on 3 threads");
    }
  }
}

template <class T>
void rows_are_right(const Holes<T>& h, const std::string& what) {
  const Index n = h.c.n, k = h.c.k, d = h.c.d;
  const Real slack = sizeof(T) == 8 ? 1e-11L : 1e-3L;
  const Expected e = expect<T>(h, nullptr);
  const Execution run{2, nullptr};
  std::vector<T> log_prob(size(n)), r(size(n * k)), filled(size(n * d)), variance(size(n * d)),
      covariance(size(n * d * d));
  std::vector<std::int64_t> labels(size(n), -2);
  gmm::posterior_missing(h.c.rows(), h.patterns(), h.joint(), run,
                         gmm::Posterior<T>{log_prob.data(), r.data(), labels.data()});
  CHECK(farthest(log_prob, e.log_prob) <= slack, what << ": log_prob");
  CHECK(farthest(r, e.r) <= slack, what << ": responsibilities");
  CHECK(log_prob.back() == 0, what << ": log p of nothing is " << log_prob.back());
  bool best = true;
  for (Index i = 0; i < n; ++i) {
    const auto row = e.r.begin() + i * k;
    best &= labels[size(i)] >= 0 && labels[size(i)] < k &&
            row[labels[size(i)]] >= *std::max_element(row, row + k) - slack;
  }
  CHECK(best, what << ": a label is not the most probable component");
  std::vector<Index> targets(size(d));
  std::iota(targets.begin(), targets.end(), Index{0});
  const gmm::Completion<T> out{filled.data(),   targets.data(),    d,
                               variance.data(), covariance.data(), nullptr};
  gmm::complete(h.c.rows(), h.patterns(), h.joint(), run, out);
  CHECK(farthest(filled, e.filled) <= slack,
        what << ": filled off by " << farthest(filled, e.filled));
  CHECK(farthest(variance, e.variance) <= slack, what << ": variance");
  bool same = true, kept = true, drawn = true;
  for (Index i = 0; i < n; ++i)
    for (Index a = 0; a < d; ++a) {
      same &= covariance[size((i * d + a) * d + a)] == variance[size(i * d + a)];
      if (h.there(i, a)) kept &= filled[size(i * d + a)] == h.c.x[size(i * d + a)];
    }
  CHECK(same, what << ": the covariance's diagonal is not the variance");
  CHECK(kept, what << ": an observed entry was changed");
  std::vector<T> some(size(n * d)), again(size(n * d));
  const std::uint64_t seed = 7;
  for (auto* draws : {&some, &again})
    gmm::complete(h.c.rows(), h.patterns(), h.joint(), Execution{draws == &some ? 1 : 3, nullptr},
                  gmm::Completion<T>{draws->data(), nullptr, 0, nullptr, nullptr, &seed});
  CHECK(some == again, what << ": other draws on 3 threads");
  for (Index i = 0; i < n * d; ++i)
    drawn &= std::isnan(h.c.x[size(i)])
                 ? std::isfinite(some[size(i)]) && some[size(i)] != filled[size(i)]
                 : some[size(i)] == h.c.x[size(i)];
  CHECK(drawn, what << ": draws");
}

template <class T>
void all(check::Uniforms& draw) {
  struct Shape {
    Index k, d, n, block;
    double share;
  };
  // shares of missing entries that use both methods for a pattern, and patterns of many rows
  for (const Shape& s : {Shape{1, 1, 30, 5, 0.5}, Shape{2, 3, 60, 3, 0.4}, Shape{5, 7, 80, 6, 0.2},
                         Shape{9, 6, 50, 2, 0.7}, Shape{3, 5, 340, 140, 0.3},
                         Shape{4, 18, 40, 2, 0.15}, Shape{2, 11, 2400, 1100, 0.5}})
    for (Covariance type : kTypes) {
      const auto h = make_holes<T>(type, s.k, s.d, s.n, s.block, s.share, draw);
      const std::string what = describe(h.c, false) + ", missing";
      sums_are_right(h, what);
      rows_are_right(h, what);
    }
}

}  // namespace

int main() {
  return check::run([] {
    check::Uniforms draw(20);
    all<double>(draw);
    all<float>(draw);
  });
}
