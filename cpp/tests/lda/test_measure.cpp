// SPDX-License-Identifier: Apache-2.0
// The kernels of the measures compared with plain loops, at every vector width.
#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "gibbous/lda/measure/measures.hpp"
#include "tests/check.hpp"

using namespace gibbous;
using namespace gibbous::lda;

namespace {

constexpr Index kWords = 23;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Topics that own their arrays. `share` of the words are above the floor.
struct OwnTopics {
  std::vector<Index64> indptr{0};
  std::vector<Topic> topics;
  std::vector<float> values, floor;
  std::vector<std::vector<double>> phi;  // (k, words)

  OwnTopics(Index k, double share, std::uint64_t seed) : phi(at(k), std::vector<double>(kWords)) {
    check::Uniforms uniform(seed);
    for (Index t = 0; t < k; ++t) floor.push_back(static_cast<float>(uniform(0.001, 0.01)));
    for (Index w = 0; w < kWords; ++w) {
      for (Index t = 0; t < k; ++t) {
        phi[at(t)][at(w)] = static_cast<double>(floor[at(t)]);
        if (uniform(0, 1) >= share) continue;
        topics.push_back(static_cast<Topic>(t));
        values.push_back(static_cast<float>(uniform(0.01, 0.3)));
        phi[at(t)][at(w)] += static_cast<double>(values.back());
      }
      indptr.push_back(static_cast<Index64>(values.size()));
    }
  }
  TopicWord view() const {
    return {indptr.data(), topics.data(), values.data(),
            floor.data(),  kWords,        static_cast<Index>(floor.size())};
  }
};

struct OwnDocuments {
  std::vector<Index64> indptr{0};
  std::vector<Index32> words;
  std::vector<Count> counts;

  OwnDocuments(Index n, std::uint64_t seed) {
    check::Integers draw(seed);
    for (Index d = 0; d < n; ++d) {
      const int rarity = draw(0, 4);  // 0: no words
      for (Index32 w = 0; w < kWords; ++w) {
        if (rarity == 0 || draw(0, rarity) == 0) continue;
        words.push_back(w);
        counts.push_back(draw(1, 4));
      }
      if (rarity == 0) {
        words.resize(at(indptr.back()));
        counts.resize(at(indptr.back()));
      }
      indptr.push_back(static_cast<Index64>(words.size()));
    }
  }
  Documents view() const {
    return {indptr.data(), words.data(), counts.data(), static_cast<Index>(indptr.size()) - 1,
            kWords};
  }
};

std::vector<double> slow_theta(const OwnTopics& topics, const std::vector<double>& alpha,
                               const Documents& docs, Index d, int iterations) {
  const std::size_t k = alpha.size();
  std::vector<double> theta(k, 1.0 / static_cast<double>(k));
  for (int i = 0; i < iterations; ++i) {
    std::vector<double> fresh = alpha;
    for (Index64 e = docs.indptr[d]; e < docs.indptr[d + 1]; ++e) {
      double q = 0;
      for (std::size_t t = 0; t < k; ++t) q += theta[t] * topics.phi[t][at(docs.words[e])];
      for (std::size_t t = 0; t < k; ++t)
        fresh[t] += docs.counts[e] * theta[t] * topics.phi[t][at(docs.words[e])] / q;
    }
    double total = 0;
    for (const double f : fresh) total += f;
    for (std::size_t t = 0; t < k; ++t) theta[t] = fresh[t] / total;
  }
  return theta;
}

template <class T>
void fold_in_equals_the_loops(Index k, double share) {
  const OwnTopics topics(k, share, 7);
  const OwnDocuments docs(70, 8);
  std::vector<double> alpha;
  for (Index t = 0; t < k; ++t) alpha.push_back(0.05 + 0.01 * static_cast<double>(t % 7));
  const auto size = at(70 * k);
  std::vector<T> theta(size, T(-1)), other(size, T(-2));
  fold_in(Execution{1}, docs.view(), topics.view(), alpha.data(), {9, 0.0}, theta.data());
  fold_in(Execution{3}, docs.view(), topics.view(), alpha.data(), {9, 0.0}, other.data());
  CHECK(theta == other, "other bits with three threads");
  const double tight = sizeof(T) == 4 ? 2e-5 : 1e-12;
  for (Index d = 0; d < 70; ++d) {
    const auto want = slow_theta(topics, alpha, docs.view(), d, 9);
    for (Index t = 0; t < k; ++t) {
      const double got = static_cast<double>(theta[at(d * k + t)]);
      CHECK(std::abs(got - want[at(t)]) <= tight * want[at(t)],
            got << " for " << want[at(t)] << ", k " << k << ", document " << d);
    }
  }
  std::vector<double> log_p(70);
  log_predictive(Execution{2}, docs.view(), topics.view(), theta.data(), log_p.data());
  for (Index d = 0; d < 70; ++d) {
    double want = 0;
    for (Index64 e = docs.indptr[at(d)]; e < docs.indptr[at(d) + 1]; ++e) {
      double q = 0;
      for (Index t = 0; t < k; ++t)
        q += static_cast<double>(theta[at(d * k + t)]) * topics.phi[at(t)][at(docs.words[at(e)])];
      want += docs.counts[at(e)] * std::log(q);
    }
    CHECK(std::abs(log_p[at(d)] - want) <= 1e-11 * (1 + std::abs(want)),
          log_p[at(d)] << " for " << want);
  }
}

// Another step of the plain iteration does not change the result of infer.
void infer_is_a_fixed_point(Index k, double share, double tolerance) {
  const OwnTopics topics(k, share, 11);
  const OwnDocuments docs(70, 12);
  const std::vector<double> alpha(at(k), 0.3);
  const double mass = 0.3 * static_cast<double>(k);
  const FixedPoint how{10000, tolerance};
  std::vector<double> theta(at(70 * k), -1), other(at(70 * k), -2);
  const Shares out{theta.data(), 0, 0, nullptr, nullptr, nullptr};
  const Shares again{other.data(), 0, 0, nullptr, nullptr, nullptr};
  const Index open = infer(Execution{1}, docs.view(), topics.view(), alpha.data(), how, out);
  infer(Execution{3}, docs.view(), topics.view(), alpha.data(), how, again);
  CHECK(open == 0, open << " documents open, k " << k);
  CHECK(theta == other, "other bits with three threads");
  for (Index d = 0; d < 70; ++d) {
    std::vector<double> fresh(alpha);
    double tokens = 0, change = 0;
    for (Index64 e = docs.indptr[at(d)]; e < docs.indptr[at(d) + 1]; ++e) {
      const auto w = at(docs.words[at(e)]);
      double q = 0;
      for (Index t = 0; t < k; ++t) q += theta[at(d * k + t)] * topics.phi[at(t)][w];
      for (Index t = 0; t < k; ++t)
        fresh[at(t)] += docs.counts[at(e)] * theta[at(d * k + t)] * topics.phi[at(t)][w] / q;
      tokens += docs.counts[at(e)];
    }
    for (Index t = 0; t < k; ++t)
      change += std::abs(fresh[at(t)] / (mass + tokens) - theta[at(d * k + t)]);
    CHECK(change <= 1.5 * tolerance, change << " of document " << d << ", k " << k);
  }
}

// With one topic nothing is drawn; with identical topics the draws do not matter. Both must give
// the probabilities of the words.
void left_to_right_knows_the_certain_cases(Index k, LeftToRight form) {
  OwnTopics topics(k, 0, 9);
  std::fill(topics.floor.begin(), topics.floor.end(), 1.0f / static_cast<float>(kWords));
  const OwnDocuments docs(40, 10);
  const std::vector<double> alpha(at(k), 0.3);
  std::vector<double> log_p(40), other(40);
  const LeftToRightPlan plan{form, 3, -1, 11};
  left_to_right(Execution{1}, docs.view(), topics.view(), alpha.data(), plan, log_p.data());
  left_to_right(Execution{3}, docs.view(), topics.view(), alpha.data(), plan, other.data());
  CHECK(log_p == other, "other bits with three threads");
  for (Index d = 0; d < 40; ++d) {
    double tokens = 0;
    for (Index64 e = docs.indptr[at(d)]; e < docs.indptr[at(d) + 1]; ++e)
      tokens += docs.counts[at(e)];
    const double want = -tokens * std::log(static_cast<double>(kWords));
    CHECK(std::abs(log_p[at(d)] - want) <= 1e-6 * (1 + std::abs(want)),
          log_p[at(d)] << " for " << want << ", k " << k);
  }
}

// Two tokens: p = sum over both topics of their Dirichlet-multinomial weight; the only randomness
// of the sequential estimate, the first topic, averages out.
void left_to_right_is_unbiased_for_two_tokens() {
  const OwnTopics topics(5, 0.5, 12);
  const std::vector<double> alpha{0.1, 0.2, 0.3, 0.4, 0.5};
  const std::vector<Index64> indptr{0, 2};
  const std::vector<Index32> words{3, 8};
  const std::vector<Count> counts{1, 1};
  const Documents docs{indptr.data(), words.data(), counts.data(), 1, kWords};
  double exact = 0;
  for (std::size_t a = 0; a < 5; ++a)
    for (std::size_t b = 0; b < 5; ++b)
      exact += alpha[a] / 1.5 * (alpha[b] + (a == b)) / 2.5 * topics.phi[a][3] * topics.phi[b][8];
  double sum = 0, squares = 0;
  const int n = 20000;
  for (int s = 0; s < n; ++s) {
    double log_p = 0;
    const LeftToRightPlan plan{LeftToRight::sequential, 2, -1, static_cast<std::uint64_t>(s)};
    left_to_right(Execution{1}, docs, topics.view(), alpha.data(), plan, &log_p);
    sum += std::exp(log_p);
    squares += std::exp(2 * log_p);
  }
  const double mean = sum / n, error = std::sqrt((squares / n - mean * mean) / n);
  CHECK(error > 0, "every estimate is the same");
  CHECK(std::abs(mean - exact) < 5 * error, mean << " for " << exact << " +- " << error);
}

void pairs_equal_the_loops(Index window) {
  check::Integers draw(13);
  std::vector<Index64> indptr{0};
  std::vector<Index32> words;
  for (int t = 0; t < 90; ++t) {
    for (int i = draw(0, 30); i > 0; --i) words.push_back(draw(-1, 9));
    indptr.push_back(static_cast<Index64>(words.size()));
  }
  const std::vector<Index32> lists{0, 4, 2, 9, -1, 4};
  std::vector<Index64> pairs(18, -1), other(18, -1), want(18, 0);
  const Texts texts{indptr.data(), words.data(), 90, 10};
  Index64 windows = 0;
  for (std::size_t t = 0; t < 90; ++t) {
    const Index length = indptr[t + 1] - indptr[t];
    const Index width = window == 0 ? length : std::min(window, length);
    for (Index first = 0; length > 0 && first + width <= length; ++first) {
      ++windows;
      const auto begin = words.begin() + indptr[t] + first;
      const std::set<Index32> seen(begin, begin + width);
      for (std::size_t k = 0; k < 2; ++k)
        for (std::size_t i = 0; i < 3; ++i)
          for (std::size_t j = 0; j < 3; ++j) {
            const Index32 v = lists[3 * k + i], w = lists[3 * k + j];
            want[9 * k + 3 * i + j] += v >= 0 && w >= 0 && seen.count(v) && seen.count(w);
          }
    }
  }
  CHECK(count_pairs(Execution{1}, texts, lists.data(), 2, 3, window, pairs.data()) == windows,
        "windows of " << window);
  count_pairs(Execution{3}, texts, lists.data(), 2, 3, window, other.data());
  CHECK(pairs == want, "windows of " << window);
  CHECK(pairs == other, "other counts with three threads");
}

}  // namespace

int main() {
  return check::run([] {
    for (const Index k : {1, 2, 15, 16, 17, 70}) {
      for (const double share : {0.0, 0.03, 0.6}) {
        fold_in_equals_the_loops<float>(k, share);
        fold_in_equals_the_loops<double>(k, share);
        infer_is_a_fixed_point(k, share, 1e-5);
        infer_is_a_fixed_point(k, share, 1e-9);
      }
      left_to_right_knows_the_certain_cases(k, LeftToRight::particles);
      left_to_right_knows_the_certain_cases(k, LeftToRight::sequential);
    }
    for (const Index k : {127, 128, 129, 300}) {
      for (const double share : {0.003, 0.2}) {
        infer_is_a_fixed_point(k, share, 1e-5);
        infer_is_a_fixed_point(k, share, 1e-9);
      }
    }
    left_to_right_is_unbiased_for_two_tokens();
    for (const Index window : {0, 1, 2, 5, 100}) pairs_equal_the_loops(window);
  });
}
