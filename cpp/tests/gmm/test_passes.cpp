// SPDX-License-Identifier: Apache-2.0
// The E-step of the mixture with its statistics, and the posterior, compared with plain loops in
// long double.
#include <stdexcept>

#include "tests/gmm/cases.hpp"

using namespace gibbous;
using namespace cases;

namespace {

constexpr Index kFeatures[] = {1, 2, 3, 5, 8, 16, 17, 31, 33, 40};
constexpr Index kComponents[] = {1, 2, 3, 5, 9};
constexpr Index kRows[] = {1, 7, 50, 333};

// Runs body(type, folded) for every form of a mixture of d features.
template <class Body>
void each_form(Index d, Body&& body) {
  for (Covariance type : kTypes)
    for (bool folded : {false, true})
      if (!folded || gmm::foldable(type, d)) body(type, folded);
}

// Every d with every k; the numbers of rows and the weights are cycled with other periods.
template <class T>
void sums_are_right(check::Uniforms& draw) {
  Index turn = 0;
  for (Index d : kFeatures)
    for (Index k : kComponents) {
      ++turn;
      each_form(d, [&](Covariance type, bool folded) {
        const auto c = make<T>(type, k, d, kRows[turn % 4], turn % 3 > 0, draw);
        check_sums(accumulate(c, folded), truth(c, folded), describe(c, folded));
      });
    }
}

// Shapes whose rows are split into several slots: several blocks of few features, and wide rows.
template <class T>
void threads_give_equal_bits(check::Uniforms& draw) {
  struct Shape {
    Index k, d, n;
  };
  for (const Shape& s : {Shape{9, 5, 4000}, Shape{3, 40, 600}})
    each_form(s.d, [&](Covariance type, bool folded) {
      const auto c = make<T>(type, s.k, s.d, s.n, true, draw);
      const Sums one = accumulate(c, folded);
      check_sums(one, truth(c, folded), describe(c, folded) + ", several slots");
      for (int threads : {2, 3, 7})
        CHECK(accumulate(c, folded, threads) == one,
              describe(c, folded) << ": other bits on " << threads << " threads");
    });
}

// Partial sums of these would exceed the memory budget, so that every component has one owner; more
// than one strip of a covariance and more than one macro block. A few rows at a time use the other
// method, which the tests above compare with plain loops.
template <class T>
void owners_sum_the_same(check::Uniforms& draw) {
  const Index k = 31, d = 131, n = 2100, few = 20;
  const auto c = make<T>(Covariance::full, k, d, n, true, draw, 3);
  const Sums one = accumulate(c, false);
  CHECK(accumulate(c, false, 3) == one, "owners: other bits on 3 threads");
  const Sums with = accumulate(c, false, 2, true);
  CHECK(with == one, "owners: the entropy changed other sums");
  double entropy = 0;
  Truth expected = no_rows(c, false);
  const Real slack = 64 * std::numeric_limits<T>::epsilon();
  const auto add = [&](const std::vector<double>& part, std::vector<Sum>& sums) {
    for (std::size_t i = 0; i < part.size(); ++i) sums[i].add(part[i], slack);
  };
  for (Index begin = 0; begin < n; begin += few) {
    auto part = c;
    part.n = std::min(few, n - begin);
    part.x.assign(c.x.begin() + begin * d, c.x.begin() + (begin + part.n) * d);
    part.weight.assign(c.weight.begin() + begin, c.weight.begin() + begin + part.n);
    const Sums sums = accumulate(part, false, 1, true);
    entropy += sums.entropy;
    expected.log_likelihood.add(sums.log_likelihood, slack);
    add(sums.nk, expected.nk);
    add(sums.s1, expected.s1);
    add(sums.s2, expected.s2);
  }
  for (Sum& sum : expected.s1) sum.slack += slack * n;  // parts of either sign
  for (Sum& sum : expected.s2) sum.slack += slack * n;
  check_sums(one, expected, "owners: " + describe(c, false));
  CHECK(entropy > 0 && std::fabs(with.entropy - entropy) <= double(slack) * n,
        "owners: entropy " << with.entropy << ", not " << entropy);
}

// The E-step of a variational mixture: constants instead of log(weights), some far below the range
// of exp, and the entropy, which must not change any other bit.
template <class T>
void other_constants_and_the_entropy(check::Uniforms& draw) {
  const double floor = sizeof(T) == 8 ? -1e300 : -1e30;
  for (Index d : {1, 3, 17, 40})
    for (Index k : {1, 2, 9})
      each_form(d, [&](Covariance type, bool folded) {
        auto c = make<T>(type, k, d, 333, d != 3, draw);
        for (Index j = 0; j < k; ++j) c.log_weights.push_back(draw(-2000, -1990));
        if (k == 9) c.log_weights[4] = floor;
        const Sums one = accumulate(c, folded, 1, true);
        const Truth expected = truth(c, folded);
        const std::string what = describe(c, folded) + ", other constants";
        check_sums(one, expected, what);
        const std::string stray = strays(std::vector<double>{one.entropy}, {expected.entropy});
        CHECK(stray.empty(), what << ", entropy: " << stray);
        CHECK(accumulate(c, folded) == one, what << ": the entropy changed other sums");
        CHECK(accumulate(c, folded, 3, true) == one &&
                  accumulate(c, folded, 3, true).entropy == one.entropy,
              what << ": other bits on 3 threads");
        if (k == 1) CHECK(one.entropy == 0, what << ": one component, entropy " << one.entropy);
        if (k == 9) CHECK(one.nk[4] == 0, what << ": a hopeless component has " << one.nk[4]);
      });
}

template <class T>
void posterior_is_right(const Case<T>& c, int threads) {
  const Truth expected = truth(c, false);
  const std::string what = describe(c, false) + ", posterior";
  std::vector<T> log_prob(size(c.n)), r(size(c.n * c.k));
  std::vector<std::int64_t> labels(size(c.n), -1), alone(size(c.n), -1);
  const Execution run{threads, nullptr};
  gmm::posterior(c.rows(), c.mixture(), run,
                 gmm::Posterior<T>{log_prob.data(), r.data(), labels.data()});
  gmm::posterior(c.rows(), c.mixture(), run, gmm::Posterior<T>{nullptr, nullptr, alone.data()});
  CHECK(labels == alone, what << ": other labels when asked for nothing else");
  const std::string log = strays(log_prob, expected.log_prob);
  CHECK(log.empty(), what << ", log_prob: " << log);
  bool ones = true, near = true, first = true;
  for (Index i = 0; i < c.n; ++i) {
    const Real* e = expected.responsibilities.data() + i * c.k;
    const Real slack = 4 * expected.log_prob[size(i)].slack;
    const Index label = std::max_element(e, e + c.k) - e;
    Real sum = 0;
    for (Index j = 0; j < c.k; ++j) {
      const T got = r[size(i * c.k + j)];
      sum += got;
      near &= std::fabs(got - e[j]) <= slack;
    }
    ones &= std::fabs(sum - 1) <= 4 * rounding<T>(c.k);
    // if rounding may decide, the chosen component must be as good as the best
    first &= labels[size(i)] == label || e[labels[size(i)]] >= e[label] * (1 - slack);
  }
  CHECK(ones, what << ": responsibilities do not add up to 1");
  CHECK(near, what << ": responsibilities are off");
  CHECK(first, what << ": a label is not the most probable component");
}

template <class T>
void posteriors(check::Uniforms& draw) {
  for (Covariance type : kTypes)
    for (Index d : {2, 17, 40})
      for (Index k : {1, 3, 9}) posterior_is_right(make<T>(type, k, d, 50, true, draw), 1);
  posterior_is_right(make<T>(Covariance::full, 9, 5, 3000, false, draw), 3);
  auto other = make<T>(Covariance::diag, 3, 5, 50, false, draw);
  other.log_weights = {-1500, -1501, -1499};
  posterior_is_right(other, 1);

  for (Covariance type : kTypes) {  // two equal components: the first one is chosen
    auto c = make<T>(type, 4, 3, 50, false, draw);
    c.weights[3] = c.weights[1];
    std::copy_n(c.means.begin() + 3, 3, c.means.begin() + 9);
    const Index each = static_cast<Index>(c.factors.size()) / 4;
    if (type != Covariance::tied)
      std::copy_n(c.factors.begin() + each, each, c.factors.begin() + 3 * each);
    std::vector<std::int64_t> labels(50, -1);
    gmm::posterior(c.rows(), c.mixture(), {1, nullptr},
                   gmm::Posterior<T>{nullptr, nullptr, labels.data()});
    CHECK(std::count(labels.begin(), labels.end(), 3) == 0 &&
              std::count(labels.begin(), labels.end(), 1) > 0,
          name(type) << ": a tie went to the later component");
  }
}

// A component of weight 0 gets no responsibility. A row whose densities are all 0 adds nothing to
// the statistics and makes the log-likelihood -inf.
template <class T>
void nothing_becomes_nan(check::Uniforms& draw) {
  for (Index d : {3, 40})
    each_form(d, [&](Covariance type, bool folded) {
      auto c = make<T>(type, 3, d, 50, true, draw);
      c.weights[1] = 0;
      const Sums empty = accumulate(c, folded);
      check_sums(empty, truth(c, folded), describe(c, folded) + ", a weight of 0");
      CHECK(empty.nk[1] == 0, describe(c, folded) << ": nk of a weight of 0 is " << empty.nk[1]);
      if (folded) return;  // such rows need the direct form
      auto without = c;
      without.weight[20] = 0;
      c.x[size(20 * d + 1)] = static_cast<T>(sizeof(T) == 8 ? 1e200 : 1e25);
      const Sums far = accumulate(c, false);
      Sums expected = accumulate(without, false);
      CHECK(far.log_likelihood == -std::numeric_limits<double>::infinity(),
            describe(c, false) << ": a row without density gave " << far.log_likelihood);
      expected.log_likelihood = far.log_likelihood;
      CHECK(far == expected, describe(c, false) << ": a row without density was counted");
    });
}

struct Refuse final : Monitor {
  explicit Refuse(int after) : left(after) {}
  void poll() override {
    if (--left < 0) throw std::domain_error("stopped by the monitor");
  }
  int left;
};

template <class T>
void monitor_stops(check::Uniforms& draw) {
  const auto c = make<T>(Covariance::full, 9, 5, 4000, false, draw);
  for (int threads : {1, 2, 7})
    for (int after : {0, 2}) {
      Refuse monitor(after);
      Sums sums(c.type, c.k, c.d, false);
      bool caught = false;
      try {
        gmm::accumulate(c.rows(), c.mixture(), c.origin(false), {threads, &monitor}, sums.out());
      } catch (const std::domain_error&) {
        caught = true;
      }
      // with more threads, the polling thread may have had little to do
      CHECK(caught || (threads > 1 && monitor.left >= 0),
            "the monitor's exception was lost on " << threads << " threads");
    }
}

template <class T>
void all() {
  check::Uniforms draw(7);
  sums_are_right<T>(draw);
  threads_give_equal_bits<T>(draw);
  other_constants_and_the_entropy<T>(draw);
  posteriors<T>(draw);
  nothing_becomes_nan<T>(draw);
  monitor_stops<T>(draw);
}

}  // namespace

int main() {
  return check::run([] {
    all<float>();
    all<double>();
    check::Uniforms draw(8);
    owners_sum_the_same<double>(draw);
  });
}
