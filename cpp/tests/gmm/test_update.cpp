// SPDX-License-Identifier: Apache-2.0
// The small steps of the mixture: survey, initialization, M-step and factors, compared with plain
// formulas.
#include "gibbous/ground/random.hpp"
#include "tests/gmm/cases.hpp"

using namespace gibbous;
using namespace cases;

namespace {

constexpr Execution kAlone{1, nullptr};

template <class T>
constexpr Real kEpsilon = std::numeric_limits<T>::epsilon();

// ---- survey -------------------------------------------------------------------------------------

template <class T>
struct SurveyOut {
  std::vector<double> center, spread, scatter;
  double radius2 = -1, weight = -1;
  SurveyOut(const Rows<T>& rows, int threads)
      : center(size(rows.d), -1), spread(size(rows.d), -1), scatter(size(rows.d * rows.d), -1) {
    weight = gmm::survey(rows, {threads, nullptr},
                         {center.data(), spread.data(), &radius2, scatter.data()});
  }
};

template <class T>
void survey_is_right(Index d, Index n, bool weighted, check::Uniforms& draw) {
  const auto c = make<T>(Covariance::spherical, 2, d, n, weighted, draw);
  const SurveyOut<T> out(c.rows(), 1);
  const std::string what = "survey, " + describe(c, false);
  Real weight = 0, radius2 = 0;
  std::vector<Sum> center(size(d)), spread(size(d)), scatter(size(d * d));
  for (Index i = 0; i < n; ++i) weight += c.rows().w(i);
  for (Index i = 0; i < n; ++i)
    for (Index a = 0; a < d; ++a)
      center[size(a)].add(c.rows().w(i) / weight * c.rows().row(i)[a], kEpsilon<T> + 1e-13L);
  const auto z = [&](Index i, Index a) { return Real(c.rows().row(i)[a]) - out.center[size(a)]; };
  for (Index i = 0; i < n; ++i) {
    Real norm = 0;
    for (Index a = 0; a < d; ++a) {
      norm += z(i, a) * z(i, a);
      Sum& most = spread[size(a)];
      most = {std::max(most.value, std::fabs(z(i, a))), 1e-12L};
      for (Index b = 0; b < d; ++b)
        scatter[size(a * d + b)].add(c.rows().w(i) * z(i, a) * z(i, b), 64 * kEpsilon<T>);
    }
    radius2 = std::max(radius2, norm);
  }
  CHECK(std::fabs(out.weight - weight) <= 1e-12L * weight, what << ": weight " << out.weight);
  CHECK(std::fabs(out.radius2 - radius2) <= 1e-12L * radius2, what << ": radius2 " << out.radius2);
  CHECK(strays(out.center, center).empty(), what << ", center: " << strays(out.center, center));
  CHECK(strays(out.spread, spread).empty(), what << ", spread: " << strays(out.spread, spread));
  CHECK(strays(out.scatter, scatter).empty(),
        what << ", scatter: " << strays(out.scatter, scatter));
  for (double number : out.center)
    CHECK(number == static_cast<T>(number),
          what << ": the center is not a number of the data's type");
  for (int threads : {2, 3, 7}) {
    const SurveyOut<T> more(c.rows(), threads);
    CHECK(more.weight == out.weight && more.radius2 == out.radius2 && more.center == out.center &&
              more.spread == out.spread && more.scatter == out.scatter,
          what << ": other bits on " << threads << " threads");
  }
}

template <class T>
void surveys(check::Uniforms& draw) {
  for (Index d : {1, 3, 8, 17, 40}) survey_is_right<T>(d, d == 3 ? 1 : 333, d != 8, draw);
  survey_is_right<T>(5, 13000, true, draw);  // several slots
}

// ---- initialization -----------------------------------------------------------------------------

// Statistics about the means of the case: from labels, or from random responsibilities without
// them.
template <class T>
Sums started(const Case<T>& c, const gmm::Assignment& assignment, int threads) {
  Sums sums(c.type, c.k, c.d, false);
  sums.log_likelihood = 0;
  gmm::start(c.rows(), c.type, c.k, c.means.data(), assignment, {threads, nullptr}, sums.out());
  return sums;
}

template <class T>
void start_is_right(const Case<T>& c) {
  const std::uint64_t seed = 0x123456789ABCDEFu;
  const Stream stream(seed, Purpose::gmm_start);
  std::vector<Label> labels(size(c.n));
  Truth given = no_rows(c, false), random = no_rows(c, false);
  std::vector<Real> u(size(c.k));
  for (Index i = 0; i < c.n; ++i) {
    labels[size(i)] = static_cast<Label>(i * 7 % (c.k + 1) - 1);
    const Real w = c.rows().w(i), slack = 64 * kEpsilon<T>;
    Real sum = 0;
    for (Index j = 0; j < c.k; ++j)
      sum += u[size(j)] =
          stream.uniform(static_cast<std::uint32_t>(j), static_cast<std::uint64_t>(i));
    for (Index j = 0; j < c.k; ++j) {
      const T* origin = c.means.data() + j * c.d;
      add_moments(c, false, i, j, origin, w * u[size(j)] / sum, slack, random);
      if (labels[size(i)] == j) add_moments(c, false, i, j, origin, w, slack, given);
    }
  }
  for (const gmm::Assignment& assignment :
       {gmm::Assignment{labels.data(), 0}, gmm::Assignment{nullptr, seed}}) {
    const std::string what =
        "start, " + describe(c, false) + (assignment.labels ? ", labels" : ", random");
    const Sums one = started(c, assignment, 1);
    check_moments(one, assignment.labels ? given : random, what);
    for (int threads : {2, 7})
      CHECK(started(c, assignment, threads) == one,
            what << ": other bits on " << threads << " threads");
  }
}

template <class T>
void starts(check::Uniforms& draw) {
  for (Covariance type : kTypes) {
    Index turn = 0;
    for (Index d : {1, 5, 17, 40})
      for (Index k : {1, 3, 9}) start_is_right(make<T>(type, k, d, 83, ++turn % 2 > 0, draw));
    start_is_right(make<T>(type, 9, 5, 3000, true, draw));
  }
}

// ---- blocks -------------------------------------------------------------------------------------

// Rows that come in blocks: surveyed about one given center, and initialized with the draws that
// the rows have in the whole data, their statistics add up to those of the whole.
template <class T>
void blocks_add_up(const Case<T>& c) {
  const Rows<T> all = c.rows();
  std::vector<double> center(size(c.d));
  for (Index a = 0; a < c.d; ++a) center[size(a)] = static_cast<double>(all.row(c.n / 2)[a]);
  const std::vector<double> asked = center;
  std::vector<double> spread(size(c.d)), scatter(size(c.d * c.d));
  double radius2 = 0, weight = 0;
  Sums random(c.type, c.k, c.d, false);
  for (auto* sums : {&random.nk, &random.s1, &random.s2}) std::fill(sums->begin(), sums->end(), 0);
  const std::uint64_t seed = 99;
  const std::string what = "blocks, " + describe(c, false);
  for (Index first = 0, step = 1; first < c.n; first += step, step = step * 3 + 1) {
    const Index count = std::min(step, c.n - first);
    const Rows<T> rows{all.row(first), count, c.d, all.weight ? all.weight + first : nullptr};
    std::vector<double> apart(size(c.d), -1), part(size(c.d * c.d), -1);
    double radius = -1;
    weight += gmm::survey(rows, kAlone, {center.data(), apart.data(), &radius, part.data(), true});
    radius2 = std::max(radius2, radius);
    for (Index a = 0; a < c.d; ++a) spread[size(a)] = std::max(spread[size(a)], apart[size(a)]);
    for (Index i = 0; i < c.d * c.d; ++i) scatter[size(i)] += part[size(i)];
    Sums sums(c.type, c.k, c.d, false);
    gmm::start(rows, c.type, c.k, c.means.data(), {nullptr, seed, first}, kAlone, sums.out());
    for (std::size_t i = 0; i < sums.nk.size(); ++i) random.nk[i] += sums.nk[i];
    for (std::size_t i = 0; i < sums.s1.size(); ++i) random.s1[i] += sums.s1[i];
    for (std::size_t i = 0; i < sums.s2.size(); ++i) random.s2[i] += sums.s2[i];
  }
  CHECK(center == asked, what << ": a given center was changed");
  Real weights = 0, most2 = 0;
  std::vector<Sum> widest(size(c.d)), about(size(c.d * c.d));
  const auto z = [&](Index i, Index a) { return Real(all.row(i)[a]) - asked[size(a)]; };
  for (Index i = 0; i < c.n; ++i) {
    weights += all.w(i);
    Real norm = 0;
    for (Index a = 0; a < c.d; ++a) {
      norm += z(i, a) * z(i, a);
      widest[size(a)] = {std::max(widest[size(a)].value, std::fabs(z(i, a))), 1e-12L};
      for (Index b = 0; b < c.d; ++b)
        about[size(a * c.d + b)].add(all.w(i) * z(i, a) * z(i, b), 64 * kEpsilon<T>);
    }
    most2 = std::max(most2, norm);
  }
  CHECK(std::fabs(weight - weights) <= 1e-12L * weights, what << ": weight " << weight);
  CHECK(std::fabs(radius2 - most2) <= 1e-12L * most2, what << ": radius2 " << radius2);
  CHECK(strays(spread, widest).empty(), what << ", spread: " << strays(spread, widest));
  CHECK(strays(scatter, about).empty(), what << ", scatter: " << strays(scatter, about));
  const Stream stream(seed, Purpose::gmm_start);
  Truth truth = no_rows(c, false);
  for (Index i = 0; i < c.n; ++i) {
    std::vector<Real> u(size(c.k));
    Real sum = 0;
    for (Index j = 0; j < c.k; ++j)
      sum += u[size(j)] =
          stream.uniform(static_cast<std::uint32_t>(j), static_cast<std::uint64_t>(i));
    for (Index j = 0; j < c.k; ++j)
      add_moments(c, false, i, j, c.means.data() + j * c.d, Real(all.w(i)) * u[size(j)] / sum,
                  64 * kEpsilon<T>, truth);
  }
  check_moments(random, truth, what);
}

template <class T>
void blocks(check::Uniforms& draw) {
  Index turn = 0;
  for (Covariance type : kTypes)
    for (Index d : {1, 5, 24}) blocks_add_up(make<T>(type, 3, d, 250 + d, ++turn % 2 > 0, draw));
}

// ---- update -------------------------------------------------------------------------------------

// Soft responsibilities, their statistics in plain sums, and the covariances about the new means:
// the result expected from update() given the statistics alone.
template <class T>
void update_is_right(Covariance type, Index k, Index d, bool folded, check::Uniforms& draw) {
  const Index n = 20 + 3 * d;
  const auto c = make<T>(type, k, d, n, false, draw);
  const double reg = 0.125;
  const auto z = [&](Index i, Index a, Real o) { return Real(c.x[size(i * d + a)]) - o; };
  std::vector<Real> r(size(n * k)), mean(size(k * d));
  for (Real& v : r) v = draw(0.1, 1);
  const bool no_seconds = folded && type == Covariance::tied;
  Truth sums = no_rows(c, folded);
  std::vector<double> scatter(size(d * d), 0);
  for (Index i = 0; i < n; ++i) {
    Real total = 0;  // weight of a row, so that the scatter is that of the rows
    for (Index j = 0; j < k; ++j) total += r[size(i * k + j)];
    for (Index j = 0; j < k; ++j) {
      r[size(i * k + j)] /= total;
      add_moments(c, no_seconds, i, j, folded ? c.center.data() : c.means.data() + j * d,
                  r[size(i * k + j)], 0, sums);
      for (Index a = 0; a < d; ++a)
        mean[size(j * d + a)] += r[size(i * k + j)] * c.x[size(i * d + a)];
    }
    for (Index a = 0; a < d; ++a)
      for (Index b = 0; b < d; ++b)
        scatter[size(a * d + b)] += double(z(i, a, c.center[size(a)]) * z(i, b, c.center[size(b)]));
  }
  for (Index j = 0; j < k; ++j)
    for (Index a = 0; a < d; ++a) mean[size(j * d + a)] /= sums.nk[size(j)].value;

  // slack: rounding in T, and the 10 epsilon that prevent division by 0 for an empty component
  const Real slack = 100 * kEpsilon<T>;
  std::vector<Sum> weights, means, covariances(size(parameters(type, k, d)), Sum{0, slack * 30});
  for (Index j = 0; j < k; ++j) {
    const Real nk = sums.nk[size(j)].value;
    weights.push_back({nk / n, slack});
    for (Index a = 0; a < d; ++a) means.push_back({mean[size(j * d + a)], slack * 10});
    for (Index i = 0; i < n; ++i)
      for (Index a = 0; a < d; ++a)
        for (Index b = 0; b < d; ++b) {
          const Real term =
              r[size(i * k + j)] * z(i, a, mean[size(j * d + a)]) * z(i, b, mean[size(j * d + b)]);
          if (type == Covariance::full) covariances[size((j * d + a) * d + b)].value += term / nk;
          if (type == Covariance::tied) covariances[size(a * d + b)].value += term / n;
          if (type == Covariance::diag && a == b) covariances[size(j * d + a)].value += term / nk;
          if (type == Covariance::spherical && a == b) covariances[size(j)].value += term / nk / d;
        }
  }
  for (Index i = 0; i < parameters(type, k, d); ++i)
    if (!triangular(type) || i / d % d == i % d) covariances[size(i)].value += reg;

  Sums in(type, k, d, folded);
  const auto copy = [](const std::vector<Sum>& from, std::vector<double>& to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = double(from[i].value);
  };
  copy(sums.nk, in.nk);
  copy(sums.s1, in.s1);
  copy(sums.s2, in.s2);
  for (int threads : {1, 3}) {
    std::vector<T> w(size(k)), m(size(k * d)), cov(size(parameters(type, k, d)));
    const gmm::Step<T> step{type,   k,
                            d,      folded ? c.center.data() : c.means.data(),
                            folded, no_seconds ? scatter.data() : nullptr,
                            reg};
    gmm::update(step, in.out(), {threads, nullptr},
                gmm::Estimate<T>{w.data(), m.data(), cov.data()});
    const std::string what = "update, " + describe(c, folded);
    CHECK(strays(w, weights).empty(), what << ", weights: " << strays(w, weights));
    CHECK(strays(m, means).empty(), what << ", means: " << strays(m, means));
    CHECK(strays(cov, covariances).empty(), what << ", covariances: " << strays(cov, covariances));
  }
}

// An empty component keeps its origin as its mean, and has the regularization as its variance.
template <class T>
void empty_component_stays(check::Uniforms& draw) {
  const Index d = 3;
  const auto c = make<T>(Covariance::diag, 2, d, 1, false, draw);
  std::vector<double> nk{0, 8}, s1(6, 0), s2{0, 0, 0, 8, 16, 24};
  std::vector<T> w(2), m(6), cov(6);
  gmm::update(gmm::Step<T>{c.type, 2, d, c.means.data(), false, nullptr, 0.25},
              gmm::Statistics{nk.data(), s1.data(), s2.data()}, kAlone,
              gmm::Estimate<T>{w.data(), m.data(), cov.data()});
  CHECK(w[0] >= 0 && w[0] < T(1e-5), "the weight of an empty component is " << w[0]);
  CHECK(m == c.means, "components without first moments moved");
  CHECK(cov[0] == T(0.25) && cov[2] == T(0.25), "an empty component's variance is " << cov[0]);
  CHECK(std::fabs(cov[4] - 2.25) < 1e-5, "a variance is " << cov[4] << ", not 2.25");
}

template <class T>
void updates(check::Uniforms& draw) {
  for (Covariance type : kTypes)
    for (bool folded : {false, true})
      for (Index d : {1, 2, 5, 17}) {
        if (!folded || gmm::foldable(type, d)) update_is_right<T>(type, 3, d, folded, draw);
      }
  update_is_right<T>(Covariance::full, 80, 36, false, draw);  // large enough for several threads
  empty_component_stays<T>(draw);
}

// ---- factors ------------------------------------------------------------------------------------

template <class T>
std::vector<T> covariances(Covariance type, Index k, Index d, check::Uniforms& draw) {
  std::vector<T> out(size(parameters(type, k, d)));
  for (T& v : out) v = static_cast<T>(draw(0.5, 2));
  if (!triangular(type)) return out;
  std::vector<Real> root(size(d * d));
  for (Index j = 0; j < static_cast<Index>(out.size()) / (d * d); ++j) {
    for (Real& v : root) v = draw(-1, 1);
    for (Index a = 0; a < d; ++a)
      for (Index b = 0; b <= a; ++b) {
        Real sum = a == b ? 0.5L * d : 0;
        for (Index i = 0; i < d; ++i) sum += root[size(a * d + i)] * root[size(b * d + i)];
        out[size((j * d + a) * d + b)] = out[size((j * d + b) * d + a)] = static_cast<T>(sum);
      }
  }
  return out;
}

// The deviation of U U^T covariance from the identity.
template <class T>
Real residual(const T* u, const T* covariance, Index d) {
  Real worst = 0;
  std::vector<Real> y(size(d * d));  // U^T covariance
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b < d; ++b)
      for (Index i = 0; i < d; ++i)
        y[size(a * d + b)] += Real(u[i * d + a]) * covariance[i * d + b];
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b < d; ++b) {
      Real sum = a == b ? -1 : 0;
      for (Index i = 0; i < d; ++i) sum += u[a * d + i] * y[size(i * d + b)];
      worst = std::max(worst, std::fabs(sum));
      if (b < a && u[a * d + b] != 0) return std::numeric_limits<Real>::infinity();
    }
  return worst;
}

template <class T>
void factors_are_right(Covariance type, Index k, Index d, check::Uniforms& draw) {
  const auto c = covariances<T>(type, k, d, draw);
  for (int threads : {1, 3}) {
    std::vector<T> u(c.size(), std::numeric_limits<T>::quiet_NaN());
    const Index failed = gmm::factorize(type, k, d, c.data(), {threads, nullptr}, u.data());
    CHECK(failed == -1, name(type) << ", d = " << d << ": component " << failed << " was refused");
    const Index step = triangular(type) ? d : 1;
    for (std::size_t i = 0; i < c.size(); i += size(step * step)) {
      const Real far = residual(u.data() + i, c.data() + i, step);
      CHECK(far <= 20 * Real(d) * kEpsilon<T>,
            "factorize, " << name(type) << ", d = " << d << ": U U^T covariance is off by " << far);
    }
  }
}

// Component 2 of 4 gets an invalid number; the first invalid one is returned, the others are
// written.
template <class T>
void failures_are_named(check::Uniforms& draw) {
  const Index k = 4, d = 3;
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  for (Covariance type : kTypes)
    for (T bad : {T(-1), T(0), nan, inf, std::numeric_limits<T>::denorm_min()}) {
      auto c = covariances<T>(type, k, d, draw);
      const Index each = static_cast<Index>(c.size()) / (type == Covariance::tied ? 1 : k);
      const Index expected = type == Covariance::tied ? 0 : 2;
      c[size(expected * each + each - 1)] = bad;  // a variance, of the last feature
      if (type != Covariance::tied) c.back() = bad;
      std::vector<T> u(c.size(), T(77));
      const Index failed = gmm::factorize(type, k, d, c.data(), kAlone, u.data());
      CHECK(failed == expected, name(type) << ": component " << failed << " was named, not "
                                           << expected << ", of a variance of " << bad);
      for (Index i = 0; i < static_cast<Index>(u.size()); ++i) {
        const bool written = u[size(i)] != T(77);
        const bool good = i / each < expected || i / each == 1;
        if (i / each != 3)
          CHECK(written == good, name(type) << ": number " << i << " of the factors was "
                                            << (written ? "" : "not ") << "written");
      }
    }
  std::vector<T> indefinite{1, 2, 2, 1}, u(4);
  CHECK(gmm::factorize(Covariance::tied, 1, 2, indefinite.data(), kAlone, u.data()) == 0,
        "an indefinite matrix has a factor");
}

template <class T>
void factors(check::Uniforms& draw) {
  for (Covariance type : kTypes)
    for (Index d : {1, 2, 5, 17, 40}) factors_are_right<T>(type, 3, d, draw);
  failures_are_named<T>(draw);
}

template <class T>
void all() {
  check::Uniforms draw(11);
  surveys<T>(draw);
  starts<T>(draw);
  blocks<T>(draw);
  updates<T>(draw);
  factors<T>(draw);
}

}  // namespace

int main() {
  return check::run([] {
    all<float>();
    all<double>();
  });
}
