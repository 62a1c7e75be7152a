// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "gibbous/lda/fast/kernels.hpp"
#include "gibbous/lda/fast/layout.hpp"
#include "gibbous/lda/fast/sampler.hpp"
#include "tests/check.hpp"

using namespace gibbous;
using namespace gibbous::lda;

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

struct Bags {
  std::vector<Index64> indptr{0};
  std::vector<Index32> words;
  std::vector<Count> counts;
  Index vocabulary;

  explicit Bags(Index v) : vocabulary(v) {}
  void add(const std::vector<std::pair<int, int>>& document) {
    for (const auto& [w, c] : document) {
      words.push_back(w);
      counts.push_back(c);
    }
    indptr.push_back(static_cast<Index64>(words.size()));
  }
  Documents view() const {
    return {indptr.data(), words.data(), counts.data(), static_cast<Index>(indptr.size()) - 1,
            vocabulary};
  }
  // Word of every token in canonical order.
  std::vector<int> tokens() const {
    std::vector<int> out;
    for (std::size_t e = 0; e < words.size(); ++e)
      out.insert(out.end(), static_cast<std::size_t>(counts[e]), words[e]);
    return out;
  }
};

// Several blocks; empty documents; words in all blocks, in one, in none; one that is split into
// parts; a document longer than a block.
Bags odd_bags(std::uint64_t seed) {
  check::Integers draw(seed);
  Bags bags(400);
  for (int d = 0; d < 2500; ++d) {
    std::vector<std::pair<int, int>> document;
    if (d % 97 != 0)
      for (int w = 0; w < 390; ++w)
        if (draw(0, 19) == 0 || w == 7) document.push_back({w, w == 7 ? 40 : draw(1, 3)});
    if (d == 1000) document = {{3, 66000}, {7, 10}, {395, 5}};
    bags.add(document);
  }
  return bags;
}

void bulk_draws_are_those_of_the_stream() {
  const std::uint64_t seed = 0x123456789abcdef0u;
  const BulkStream bulk(seed, Purpose::lda_fast, 77);
  const Stream stream(seed, Purpose::lda_fast);
  for (const std::uint64_t first :
       {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{0xfffffff8}, std::uint64_t{1} << 33}) {
    std::array<std::uint32_t, kGroupWords> got{};
    bulk.group(first, kGroupItems, got.data());
    for (int i = 0; i < kGroupItems; ++i) {
      const philox::Block expected = stream.bits(77, first + static_cast<std::uint64_t>(i));
      for (int w = 0; w < 4; ++w)
        CHECK(got[static_cast<std::size_t>(w * kGroupItems + i)] ==
                  expected[static_cast<std::size_t>(w)],
              "item " << i << " word " << w << " from " << first);
    }
  }
}

void scaled_draws_are_exact_products() {
  check::Integers draw(3);
  for (const std::uint32_t n : {1u, 2u, 1000u, 65535u, 1u << 30}) {
    alignas(64) std::array<std::uint32_t, 16> bits{};
    for (auto& b : bits) b = static_cast<std::uint32_t>(draw(-2147483647, 2147483647));
    bits[0] = 0xffffffffu;
    const Scaled got = scale(load(bits.data()), n);
    for (int i = 0; i < kTokenLanes; ++i) {
      const std::uint64_t product = std::uint64_t{bits[static_cast<std::size_t>(i)]} * n;
      CHECK(static_cast<std::uint64_t>(got.whole[i]) == product >> 32, "whole part, n " << n);
      CHECK(got.fraction[i] == static_cast<std::uint32_t>(product), "fraction, n " << n);
    }
  }
}

// The probability of every topic, summed over all possible draws from the table.
void alias_tables_hold_their_distribution() {
  for (const Index n : {Index{1}, Index{3}, Index{40}, Index{1024}}) {
    check::Uniforms draw(static_cast<std::uint64_t>(n));
    std::vector<double> weights(at(n));
    double sum = 0;
    for (double& w : weights) sum += w = draw(0, 1) < 0.3 ? 0 : std::pow(draw(0, 1), 6);
    weights[0] += 0.5;
    sum += 0.5;
    Alias table;
    table.build(weights.data(), n);
    std::vector<double> got(at(n), 0.0);
    constexpr int steps = 1 << 16;  // of the 32 bits per lane
    alignas(64) std::array<std::uint32_t, 16> bits{};
    for (int i = 0; i < steps * 16; i += static_cast<int>(kTokenLanes)) {
      for (int l = 0; l < kTokenLanes; ++l)
        bits[static_cast<std::size_t>(l)] = static_cast<std::uint32_t>(
            (static_cast<double>(i + l) + 0.5) * (4294967296.0 / (steps * 16)));
      const IntLanes k = table.draw(load(bits.data()));
      for (int l = 0; l < kTokenLanes; ++l)
        got[static_cast<std::size_t>(k[l])] += 1.0 / (steps * 16);
    }
    // an even grid of points: each share is off by at most one point at either end of its pieces
    for (Index k = 0; k < n; ++k)
      CHECK(std::fabs(got[at(k)] - weights[at(k)] / sum) <
                4.0 * static_cast<double>(n) / (steps * 16) + 1e-6,
            "topic " << k << " of " << n << ": " << got[at(k)] << " " << weights[at(k)] / sum);
  }
}

// Every token has its own index, for its own word; tasks find it again.
void layout_has_every_token_once() {
  const Bags bags = odd_bags(1);
  const auto words = bags.tokens();
  for (const int threads : {1, 3}) {
    const Layout layout = build_layout(bags.view(), Execution{threads, nullptr});
    CHECK(layout.tokens == static_cast<Index>(words.size()), "tokens");
    CHECK(layout.blocks > 3, "the corpus has " << layout.blocks << " blocks");
    std::vector<int> word_at(words.size(), -1);
    for (Index b = 0; b < layout.blocks; ++b)
      for (Index i = layout.block_begin(b); i < layout.block_begin(b + 1); ++i) {
        const Index place = layout.alone(b) ? i : layout.block_begin(b) + layout.position[i];
        CHECK(word_at[at(place)] == -1, "two tokens at " << place);
        word_at[at(place)] = words[at(i)];
      }
    Index visited = 0;
    for (Index t = 0; t < layout.tasks(); ++t) {
      std::vector<Index> next(at(layout.blocks));
      for (Index b = 0; b < layout.blocks; ++b)
        next[at(b)] = layout.block_begin(b) + layout.task_start[at(t * layout.blocks + b)];
      for (Index w = layout.task_words[at(t)]; w < layout.task_words[at(t + 1)]; ++w)
        for (Index64 r = layout.word_runs[at(w)]; r < layout.word_runs[at(w + 1)]; ++r)
          for (int c = 0; c < layout.runs[r].count; ++c, ++visited)
            CHECK(word_at[at(next[layout.runs[r].block]++)] == w, "task " << t << " word " << w);
    }
    CHECK(visited == layout.tokens, visited << " tokens visited");
  }
}

// More than 2^31 tokens: a document with its own block uses no memory for its tokens.
void layout_counts_beyond_32_bits() {
  Bags bags(3);
  constexpr int most = std::numeric_limits<int>::max();
  bags.add({{0, 7}});
  bags.add({{0, most}, {1, 70000}});
  bags.add({});
  bags.add({{1, 5}, {2, 3}});
  const Index64 all = Index64{most} + 70015;
  const Layout layout = build_layout(bags.view(), Execution{2, nullptr});
  CHECK(layout.tokens == all && layout.blocks == 3, layout.tokens << " tokens");
  const std::vector<Index64> documents{0, 7, all - 8, all - 8, all};
  CHECK(layout.document_tokens == documents, "documents begin elsewhere");
  CHECK(layout.alone(1) && layout.block_begin(2) == all - 8, "block at " << layout.block_begin(2));
  const std::vector<Index64> words{0, Index64{most} + 7, all - 3, all};
  CHECK(layout.word_tokens == words, "words begin elsewhere");
  CHECK(layout.position[all - 8] == 0 && layout.position[all - 1] == 7, "places in the last block");
  Index64 visited = 0;
  for (Index64 r = 0; r < layout.word_runs[3]; ++r) visited += layout.runs[r].count;
  CHECK(visited == all, visited << " tokens in runs");
  CHECK(layout.tasks() == 2, layout.tasks() << " tasks");
  const Index second = layout.blocks + 1;  // of the second task, the block of the long document
  CHECK(layout.task_start[at(second)] == std::uint32_t{most}, "the second task's place");

  Bags beyond(1);  // each of these fits by itself
  for (int i = 0; i < 3; ++i) beyond.add({{0, most}});
  bool refused = false;
  try {
    build_layout(beyond.view(), Execution{});
  } catch (const std::length_error&) {
    refused = true;
  }
  CHECK(refused, "6.4 billion tokens were taken");
}

std::vector<State> swept(const Bags& bags, Index topics, int proposals, int threads, bool same,
                         bool seeded) {
  std::vector<double> alpha(at(topics)), beta_sum(at(topics), 0.05 * 400);
  for (Index k = 0; k < topics; ++k)
    alpha[at(k)] = same ? 0.2 : 0.1 + 0.01 * static_cast<double>(k);
  std::vector<Index64> indptr(401, 0);
  std::vector<Topic> seed_topics{1};
  std::vector<float> seed_values{30.0f};
  for (std::size_t w = 8; w < indptr.size(); ++w) indptr[w] = 1;  // word 7, the heavy one
  beta_sum[1] += seeded ? 30 : 0;
  Priors priors{alpha.data(), 0.05, beta_sum.data(), nullptr, nullptr, nullptr};
  if (seeded) {
    priors.seed_indptr = indptr.data();
    priors.seed_topics = seed_topics.data();
    priors.seed_values = seed_values.data();
  }
  const Execution run{threads, nullptr};
  FastSampler sampler(bags.view(), topics, proposals, nullptr, 5, run);
  for (std::uint32_t i = 0; i < 2; ++i) sampler.sweep(priors, 9, i, run);
  const State* a = sampler.state(0);
  std::vector<State> out(a, a + sampler.tokens());
  for (const State x : out)
    CHECK((x & kTopicMask) < static_cast<State>(topics), "topic " << (x & kTopicMask));
  return out;
}

void threads_give_the_same_state() {
  const Bags bags = odd_bags(2);
  for (const Index topics : {Index{3}, Index{50}, Index{4000}})
    for (const int proposals : {1, 3})
      for (const bool same : {true, false}) {
        const bool seeded = topics == 50;
        const auto one = swept(bags, topics, proposals, 1, same, seeded);
        CHECK(one == swept(bags, topics, proposals, 3, same, seeded),
              "threads change the state: " << topics << " topics, " << proposals);
      }
}

void nothing_to_do() {
  Bags none(5);
  const Execution run{2, nullptr};
  CHECK(build_layout(none.view(), run).tokens == 0, "no documents");
  none.add({});
  none.add({});
  FastSampler sampler(none.view(), 4, 3, nullptr, 1, run);
  const std::vector<double> alpha(4, 0.1), beta_sum(4, 0.5);
  sampler.sweep({alpha.data(), 0.1, beta_sum.data(), nullptr, nullptr, nullptr}, 1, 0, run);
  CHECK(sampler.word_counts(run).indptr.size() == 6, "rows of words without tokens");
}

}  // namespace

int main() {
  return check::run([] {
    bulk_draws_are_those_of_the_stream();
    scaled_draws_are_exact_products();
    alias_tables_hold_their_distribution();
    layout_has_every_token_once();
    layout_counts_beyond_32_bits();
    threads_give_the_same_state();
    nothing_to_do();
  });
}
