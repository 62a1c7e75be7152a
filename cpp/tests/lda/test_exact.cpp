// SPDX-License-Identifier: Apache-2.0
// The exact sampler compared with enumerated posteriors, and with counts of its own topics.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "gibbous/lda/exact/sampler.hpp"
#include "tests/check.hpp"

using namespace gibbous;
using namespace gibbous::lda;

namespace {

struct Corpus {
  std::vector<Index64> indptr{0};
  std::vector<Index32> words;
  std::vector<Count> counts;
  Index vocabulary = 0;
  // of every token, in canonical order
  std::vector<Index> token_word, token_document;

  void add(const std::vector<std::pair<Index32, Count>>& document) {
    for (const auto& [word, count] : document) {
      words.push_back(word);
      counts.push_back(count);
      for (Count c = 0; c < count; ++c) {
        token_word.push_back(word);
        token_document.push_back(static_cast<Index>(indptr.size()) - 1);
      }
      vocabulary = std::max<Index>(vocabulary, word + 1);
    }
    indptr.push_back(static_cast<Index64>(words.size()));
  }
  Index documents() const { return static_cast<Index>(indptr.size()) - 1; }
  Index tokens() const { return static_cast<Index>(token_word.size()); }
  Documents view() const {
    return {indptr.data(), words.data(), counts.data(), documents(), vocabulary};
  }
};

// Priors that own their arrays. Seeds: (word, topic, value).
struct OwnPriors {
  std::vector<double> alpha, beta_sum;
  double beta;
  std::vector<Index64> seed_indptr;
  std::vector<Topic> seed_topics;
  std::vector<float> seed_values;
  std::vector<std::vector<double>> full;  // (vocabulary, topics) beta_wk

  struct Seed {
    Index word;
    Topic topic;
    float value;
  };
  OwnPriors(const Corpus& corpus, std::vector<double> a, double b, const std::vector<Seed>& seeds)
      : alpha(std::move(a)), beta(b) {
    const std::size_t k = alpha.size(), v = static_cast<std::size_t>(corpus.vocabulary);
    full.assign(v, std::vector<double>(k, beta));
    beta_sum.assign(k, beta * static_cast<double>(v));
    if (seeds.empty()) return;
    seed_indptr = {0};
    for (std::size_t w = 0; w < v; ++w) {
      for (const Seed& s : seeds) {
        if (static_cast<std::size_t>(s.word) != w) continue;
        seed_topics.push_back(s.topic);
        seed_values.push_back(s.value);
        full[w][s.topic] += static_cast<double>(s.value);
        beta_sum[s.topic] += static_cast<double>(s.value);
      }
      seed_indptr.push_back(static_cast<Index64>(seed_topics.size()));
    }
  }
  Priors view() const {
    return {alpha.data(),       beta,
            beta_sum.data(),    seed_indptr.empty() ? nullptr : seed_indptr.data(),
            seed_topics.data(), seed_values.data()};
  }
};

using Table = std::vector<std::vector<Count>>;

Table counts_by(const std::vector<Index>& row, Index rows, Index topics,
                const std::vector<Topic>& z) {
  Table n(static_cast<std::size_t>(rows), std::vector<Count>(static_cast<std::size_t>(topics), 0));
  for (std::size_t i = 0; i < z.size(); ++i) ++n[static_cast<std::size_t>(row[i])][z[i]];
  return n;
}

// log p(w, z) up to a constant.
double log_joint(const Corpus& corpus, const OwnPriors& priors, const std::vector<Topic>& z) {
  const auto k = static_cast<Index>(priors.alpha.size());
  const Table nd = counts_by(corpus.token_document, corpus.documents(), k, z);
  const Table nw = counts_by(corpus.token_word, corpus.vocabulary, k, z);
  double sum = 0;
  for (const auto& row : nd)
    for (std::size_t t = 0; t < row.size(); ++t) sum += std::lgamma(row[t] + priors.alpha[t]);
  std::vector<double> total = priors.beta_sum;
  for (std::size_t w = 0; w < nw.size(); ++w)
    for (std::size_t t = 0; t < nw[w].size(); ++t) {
      sum += std::lgamma(nw[w][t] + priors.full[w][t]);
      total[t] += nw[w][t];
    }
  for (const double n : total) sum -= std::lgamma(n);
  return sum;
}

std::vector<Topic> assignment(std::size_t state, Index topics, Index tokens) {
  std::vector<Topic> z(static_cast<std::size_t>(tokens));
  for (auto& t : z) {
    t = static_cast<Topic>(state % static_cast<std::size_t>(topics));
    state /= static_cast<std::size_t>(topics);
  }
  return z;
}

std::vector<double> posterior(const Corpus& corpus, const OwnPriors& priors) {
  const auto k = static_cast<Index>(priors.alpha.size());
  const auto states =
      static_cast<std::size_t>(std::llround(std::pow(double(k), double(corpus.tokens()))));
  std::vector<double> p(states);
  for (std::size_t s = 0; s < states; ++s)
    p[s] = std::exp(log_joint(corpus, priors, assignment(s, k, corpus.tokens())));
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& x : p) x /= sum;
  return p;
}

// Standard errors by which chi-squared exceeds its mean (Wilson and Hilferty 1931). States with
// fewer than five expected counts are pooled.
double chi_squared(const std::vector<double>& p, const std::vector<Index>& seen, double n) {
  double statistic = 0, rare_p = 0, rare_seen = 0;
  Index cells = 0;
  const auto add = [&](double expected, double got) {
    statistic += (got - expected) * (got - expected) / expected;
    ++cells;
  };
  for (std::size_t s = 0; s < p.size(); ++s) {
    if (p[s] * n >= 5) {
      add(p[s] * n, static_cast<double>(seen[s]));
    } else {
      rare_p += p[s];
      rare_seen += static_cast<double>(seen[s]);
    }
  }
  if (rare_p * n > 0) add(rare_p * n, rare_seen);
  const double freedom = static_cast<double>(cells - 1), v = 2 / (9 * freedom);
  return (std::cbrt(statistic / freedom) - (1 - v)) / std::sqrt(v);
}

const char* name(Kernel kernel) { return kernel == Kernel::dense ? "dense" : "sparse"; }

// Repeated words, a repeated token, an empty document, and a word in every document.
Corpus tiny() {
  Corpus corpus;
  corpus.add({{0, 2}, {1, 1}});
  corpus.add({});
  corpus.add({{0, 1}, {2, 1}});
  corpus.add({{0, 1}, {1, 1}});
  return corpus;
}

// The distribution over assignments of a long chain. With priors of about 1 the chain mixes in a
// few sweeps (the autocorrelation of log p(w, z) is 0.2 after one sweep, and below the noise of
// 60,000 states after 6). Only every kThin-th state is used, so that they are nearly independent.
void enumerated(std::uint64_t seed) {
  constexpr int kThin = 12, kStates = 20000;
  const Corpus corpus = tiny();
  const struct {
    const char* what;
    OwnPriors priors;
  } cases[] = {
      {"symmetric", OwnPriors(corpus, {0.8, 0.8}, 0.7, {})},
      {"asymmetric", OwnPriors(corpus, {1.5, 0.4, 0.7}, 0.6, {})},
      {"seeded", OwnPriors(corpus, {0.6, 0.9, 1.2}, 0.5, {{0, 2, 1.5f}, {1, 0, 2.f}, {1, 1, .4f}})},
  };
  for (const Kernel kernel : {Kernel::dense, Kernel::sparse})
    for (const auto& c : cases) {
      const auto k = static_cast<Index>(c.priors.alpha.size());
      const std::vector<double> p = posterior(corpus, c.priors);
      std::vector<Topic> z(static_cast<std::size_t>(corpus.tokens()), 0);
      ExactSampler sampler(corpus.view(), k, z.data(), Execution{}, kernel);
      CHECK(sampler.blocks() == 1 && sampler.kernel() == kernel, "not the chain to the letter");
      std::vector<Index> seen(p.size(), 0);
      std::uint32_t iteration = 0;
      for (int n = 0; n < kStates; ++n) {
        for (int t = 0; t < kThin; ++t)
          sampler.sweep(c.priors.view(), seed, iteration++, Execution{});
        sampler.topics(z.data(), Execution{});
        std::size_t state = 0;
        for (std::size_t i = z.size(); i-- > 0;) state = state * static_cast<std::size_t>(k) + z[i];
        ++seen[state];
      }
      const double off = chi_squared(p, seen, kStates);
      CHECK(off < 5, "seed " << seed << ", " << name(kernel) << ", " << c.what
                             << ": chi-squared is " << off << " standard errors above its mean");
      std::cout << GIBBOUS_TEST_NAME << ": " << name(kernel) << ", " << c.what << " priors, "
                << p.size() << " states: " << off << " standard errors\n";
    }
}

// A corpus with Zipf-distributed words, of which one makes up half of all tokens.
Corpus headed(std::uint64_t seed, int documents, int vocabulary) {
  check::Integers draw(seed);
  check::Uniforms uniform(seed + 1);
  Corpus corpus;
  for (int d = 0; d < documents; ++d) {
    std::vector<Count> n(static_cast<std::size_t>(vocabulary), 0);
    for (int i = draw(0, 60); i > 0; --i) {
      const double rank = std::pow(static_cast<double>(vocabulary), uniform(0, 1)) - 1;
      ++n[draw(0, 1) ? 3 : static_cast<std::size_t>(rank)];
    }
    std::vector<std::pair<Index32, Count>> document;
    for (std::size_t w = 0; w < n.size(); ++w)
      if (n[w]) document.push_back({static_cast<Index32>(w), n[w]});
    corpus.add(document);
  }
  corpus.vocabulary = std::max<Index>(corpus.vocabulary, vocabulary);
  return corpus;
}

std::vector<Topic> start(const Corpus& corpus, Index topics, std::uint64_t seed) {
  check::Integers draw(seed);
  std::vector<Topic> z(static_cast<std::size_t>(corpus.tokens()));
  for (auto& t : z) t = static_cast<Topic>(draw(0, static_cast<int>(topics) - 1));
  return z;
}

// Totals and word counts must equal counts of the topics.
void consistent(const ExactSampler& sampler, const Corpus& corpus, const std::string& when) {
  std::vector<Topic> z(static_cast<std::size_t>(corpus.tokens()));
  const Index k = sampler.topic_count();
  sampler.topics(z.data(), Execution{});
  CHECK(std::all_of(z.begin(), z.end(), [&](Topic t) { return t < k; }), when << ": no topic");
  std::vector<Index64> totals(static_cast<std::size_t>(k), 0);
  for (const Topic t : z) ++totals[t];
  CHECK(std::equal(totals.begin(), totals.end(), sampler.totals()), when << ": totals");
  const Table expected = counts_by(corpus.token_word, corpus.vocabulary, k, z);
  const Counts got = sampler.word_counts(Execution{3, nullptr});
  CHECK(static_cast<Index>(got.indptr.size()) == corpus.vocabulary + 1, when << ": indptr");
  for (std::size_t w = 0; w < expected.size(); ++w) {
    auto e = static_cast<std::size_t>(got.indptr[w]);
    for (std::size_t t = 0; t < expected[w].size(); ++t) {
      if (!expected[w][t]) continue;
      const bool same =
          e < got.topics.size() && got.topics[e] == t && got.counts[e] == expected[w][t];
      CHECK(same, when << ": word " << w << " in topic " << t);
      ++e;
    }
    CHECK(static_cast<Index64>(e) == got.indptr[w + 1], when << ": topics of word " << w);
  }
}

// The topics must not depend on the number of threads, and the counts must agree with the topics.
void threads(std::uint64_t seed) {
  const Corpus corpus = headed(seed, 300, 200);
  for (const Kernel kernel : {Kernel::dense, Kernel::sparse})
    for (const Index k : {5, 37, 300}) {
      const auto same = static_cast<std::size_t>(k);
      const OwnPriors priors(corpus, std::vector<double>(same, 0.3), 0.05, {{3, 1, 2.f}});
      const std::vector<Topic> z = start(corpus, k, seed);
      std::vector<Topic> first;
      for (const int threads : {1, 2, 3, 7}) {
        const Execution run{threads, nullptr};
        ExactSampler sampler(corpus.view(), k, z.data(), run, kernel, 6);
        const std::string when = std::string(name(kernel)) + ", " + std::to_string(k) +
                                 " topics, " + std::to_string(threads) + " threads";
        CHECK(sampler.blocks() == 6, when << ": " << sampler.blocks() << " blocks");
        std::vector<Topic> got(z.size());
        sampler.topics(got.data(), run);
        CHECK(got == z, when << ": the topics it started from have changed places");
        for (std::uint32_t i = 0; i < 4; ++i) {
          sampler.sweep(priors.view(), seed, i, run);
          if (threads < 3) consistent(sampler, corpus, when);
        }
        sampler.topics(got.data(), run);
        if (threads == 1) first = got;
        CHECK(got != z && got == first, "seed " << seed << ", " << when << ": other bits");
      }
    }
}

// Stops a sweep after some calls.
class Impatient final : public Monitor {
 public:
  explicit Impatient(int calls) : calls_(calls) {}
  void poll() override {
    if (--calls_ < 0) throw std::runtime_error("enough");
  }

 private:
  int calls_;
};

void stopped(std::uint64_t seed) {
  const Corpus corpus = headed(seed, 2000, 300);
  for (const Kernel kernel : {Kernel::dense, Kernel::sparse})
    for (const Index blocks : {1, 4})
      for (const int calls : {0, 1, 3, 7})
        for (const int threads : {1, 2}) {
          const Index k = 20;
          const OwnPriors priors(corpus, std::vector<double>(20, 0.3), 0.05, {});
          const std::vector<Topic> z = start(corpus, k, seed);
          ExactSampler sampler(corpus.view(), k, z.data(), Execution{}, kernel, blocks);
          Impatient monitor(calls);
          bool thrown = false;
          try {
            sampler.sweep(priors.view(), seed, 0, Execution{threads, &monitor});
          } catch (const std::runtime_error&) {
            thrown = true;
          }
          // the first of two threads, the only one that polls, may get little of the work
          CHECK(thrown || threads == 2, "the sweep did not stop");
          consistent(sampler, corpus, "stopped");
          sampler.sweep(priors.view(), seed, 1, Execution{threads, nullptr});
          consistent(sampler, corpus, "after it was stopped");
        }
}

// Rows of counts at their widest: a document longer than 16 bits can count, more topics than words,
// the maximum number of topics, and no tokens at all.
void extremes(std::uint64_t seed) {
  Corpus lengthy;
  lengthy.add({{0, 70000}, {1, 3}});
  lengthy.add({{1, 5}});
  Corpus hollow;
  hollow.add({});
  hollow.vocabulary = 3;
  const Corpus small = headed(seed, 30, 12), smallest = tiny();
  const struct {
    const Corpus& corpus;
    Index topics;
  } cases[] = {{lengthy, 2}, {lengthy, 40000}, {small, 500},
               {small, 1},   {hollow, 4},      {smallest, 65535}};
  for (const Kernel kernel : {Kernel::dense, Kernel::sparse})
    for (const auto& c : cases) {
      const std::string when = std::string(name(kernel)) + ", " + std::to_string(c.topics) +
                               " topics, " + std::to_string(c.corpus.tokens()) + " tokens";
      // nearly all tokens in one topic, whose count exceeds 16 bits
      std::vector<double> alpha(static_cast<std::size_t>(c.topics), 1e-3);
      alpha[0] = 100;
      const OwnPriors priors(c.corpus, alpha, 0.1, {});
      std::vector<Topic> z(static_cast<std::size_t>(c.corpus.tokens()), 0);
      ExactSampler sampler(c.corpus.view(), c.topics, z.data(), Execution{}, kernel);
      const int sweeps = kernel == Kernel::dense && c.topics > 1000 ? 0 : 2;
      for (int i = 0; i < sweeps; ++i)
        sampler.sweep(priors.view(), seed, static_cast<std::uint32_t>(i), Execution{});
      consistent(sampler, c.corpus, when);
    }
}

}  // namespace

int main() {
  return check::run([] {
    const std::uint64_t seed = (std::uint64_t{std::random_device{}()} << 20) | 7;
    std::cout << GIBBOUS_TEST_NAME << ": seed " << seed << '\n';
    threads(seed);
    stopped(seed);
    extremes(seed);
    enumerated(seed);
  });
}
