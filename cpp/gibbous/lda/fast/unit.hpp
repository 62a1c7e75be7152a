// SPDX-License-Identifier: Apache-2.0
// The steps of a pass of the fast sampler for one unit, the tokens of a word or a document: gather
// their states, accept, propose, scatter. Internal to lda/fast/sampler.cpp.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "gibbous/ground/random.hpp"
#include "gibbous/lda/fast/kernels.hpp"
#include "gibbous/lda/fast/sampler.hpp"

namespace gibbous::lda {

inline std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// The purpose of a draw, in the low bits of the iteration of the stream.
enum Step : std::uint32_t {
  accept_word = 0,
  propose_word = 4,
  accept_document = 8,
  propose_document = 12
};

template <int M>
std::array<BulkStream, M> streams(std::uint64_t seed, std::uint32_t iteration, Step step) {
  const std::uint32_t base = iteration * 16 + step;
  const auto one = [&](std::uint32_t m) { return BulkStream(seed, Purpose::lda_fast, base + m); };
  if constexpr (M == 1)
    return {one(0)};
  else
    return {one(0), one(1), one(2)};
}

inline std::uint32_t whole_slots(double sum) {
  return static_cast<std::uint32_t>(std::max(1.0, std::ceil(sum - 1e-9 * sum)));
}

// A Dirichlet prior over topics, as the passes use it.
struct PassPrior {
  bool same = true;
  float value = 0;            // value per topic, if all are equal
  std::vector<float> values;  // otherwise the value of each topic
  Alias table;                // alias table of these and the shortfall from whole slots
  std::uint32_t slots = 1;

  void set_same(double v, Index topics) {
    same = true;
    value = static_cast<float>(v);
    values.assign(at(topics + kTokenLanes), value);
    slots = whole_slots(v * static_cast<double>(topics));
  }
  void set(const double* v, Index topics) {
    same = std::all_of(v, v + topics, [&](double x) { return x == v[0]; });
    if (same) return set_same(v[0], topics);
    values.assign(v, v + topics);
    values.resize(at(topics + kTokenLanes));
    std::vector<double> places(v, v + topics);
    double sum = 0;
    for (Index k = 0; k < topics; ++k) sum += v[k];
    slots = whole_slots(sum);
    places.push_back(std::max(0.0, slots - sum));
    table.build(places.data(), topics + 1);
  }
};

struct Tables {
  Tables(const Priors& priors, const std::vector<Index64>& totals)
      : with(totals.size() + at(kTokenLanes)),
        without(with.size()),
        size(static_cast<Index>(totals.size())) {
    const Index k = size;
    for (std::size_t t = 0; t < totals.size(); ++t) {
      const double n = static_cast<double>(totals[t]) + priors.beta_sum[t];
      with[t] = static_cast<float>(1 / n);
      // no token has a topic without tokens, so that its entry is never read
      without[t] = static_cast<float>(1 / std::max(n - 1, 1e-30));
    }
    word.set_same(priors.beta, k);
    document.set(priors.alpha, k);
  }
  Index topics() const { return size; }

  std::vector<float> with, without;
  Index size;
  PassPrior word, document;
};

// Workspace of one thread.
struct Scratch {
  explicit Scratch(Index topics)
      : counts(at(topics + kTokenLanes), 0),
        odd(at(topics + kTokenLanes), 0),
        recent(at(topics + kTokenLanes), 0),
        rows(at(2 * (topics + kTokenLanes))),
        totals(at(topics), 0) {}

  void reserve(Index n, bool more) {
    if (static_cast<Index>(a.size()) < n + kUnitSlack) a.resize(at(n + n / 2 + kUnitSlack));
    if (more && b.size() < a.size()) b.resize(a.size());
    if (place.size() < a.size()) place.resize(a.size());
  }
  Unit unit(Index n, std::uint64_t first) {
    // lanes past the end are computed too, and must hold a valid topic
    std::fill(a.begin() + n, a.begin() + n + kTokenLanes, 0);
    if (!b.empty()) std::fill(b.begin() + n, b.begin() + n + kTokenLanes, 0);
    return {a.data(), b.empty() ? nullptr : b.data(), n, first};
  }
  // Adds the recent counts, kept in 32 bits, to the totals before they can overflow.
  void flush() {
    for (std::size_t k = 0; k < totals.size(); ++k) {
      totals[k] += recent[k];
      recent[k] = 0;
    }
  }

  Buffer<State> a, b;
  Buffer<std::uint32_t> place;  // index of each token of the unit among all states
  Buffer<Count> counts;         // of the unit; zero between units
  Buffer<Count> odd;            // a second part of them, if rows are precomputed
  Buffer<Count> recent;         // of all units since the last flush
  Buffer<float> rows;
  std::vector<Index64> totals;
  std::vector<std::uint32_t> next;  // position of each block in the task
  PassPrior seeded;
};

// From about this many tokens per topic on, precomputing rows for all topics is cheaper than
// computing a factor for every token. The optimum is flat between 1/16 and 1/4.
inline constexpr Index kTopicsPerToken = 8;

inline bool fills_rows(Index tokens, Index topics) { return tokens * kTopicsPerToken > topics; }

// Precomputes the rows that tokens look up from the counts of the unit, a vector at a time.
template <class CountsAt>
Filled fill_rows(const Tables& tables, const PassPrior& prior, float* rows, CountsAt&& counts_at) {
  const Index topics = tables.topics();
  const Index stride = (topics + kTokenLanes - 1) / kTokenLanes * kTokenLanes;
  const float *values = prior.values.data(), *with = tables.with.data();
  const float* without = tables.without.data();
  for (Index k = 0; k < topics; k += kTokenLanes) {
    const FloatLanes n = __builtin_convertvector(counts_at(k), FloatLanes) + load(values + k);
    store(rows + k, n * load(with + k));
    store(rows + stride + k, (n - 1.0f) * load(without + k));
  }
  return {rows, stride};
}

template <int M>
void accept_unit(const Unit& unit, const Tables& tables, const PassPrior& prior, Scratch& mine,
                 const std::array<BulkStream, M>& draws) {
  Count *counts = mine.counts.data(), *odd = mine.odd.data(), *recent = mine.recent.data();
  const float *with = tables.with.data(), *without = tables.without.data();
  if (fills_rows(unit.n, tables.topics())) {
    // one pass over the topics for three purposes: the rows, the counts of
    // all units, and clearing
    const Filled rows = fill_rows(tables, prior, mine.rows.data(), [=](Index k) {
      const IntLanes n = load(counts + k) + load(odd + k);
      store(recent + k, load(recent + k) + n);
      store(counts + k, IntLanes{});
      store(odd + k, IntLanes{});
      return n;
    });
    return accept<M>(unit, rows, draws);
  }
  if (prior.same)
    accept<M>(unit, Counted<SamePrior>{counts, with, without, {prior.value}}, draws);
  else
    accept<M>(unit, Counted<TopicPrior>{counts, with, without, {prior.values.data()}}, draws);
  for (Index i = 0; i < unit.n; ++i) {
    const State old = unit.a[i] >> 16;
    counts[old] = 0;
    ++recent[old];
  }
}

template <int M>
void propose_unit(const Unit& unit, const PassPrior& prior, Index topics,
                  const std::array<BulkStream, M>& draws) {
  const auto k = static_cast<std::int32_t>(topics);
  if (prior.same) {
    propose<M>(unit, prior.slots, SameDraw{1 / prior.value, k}, draws);
  } else {
    const std::uint64_t inverse = (std::uint64_t{1} << 32) / prior.slots;
    const auto most = static_cast<std::uint32_t>(std::min<std::uint64_t>(inverse, 0xFFFFFFFFu));
    propose<M>(unit, prior.slots, TopicDraw{&prior.table, most, k}, draws);
  }
}

// beta_wk of every topic, for a word that has seeds.
inline std::vector<double> seeded_beta(const Priors& priors, Index w, Index topics) {
  std::vector<double> beta(at(topics), priors.beta);
  for (Index64 s = priors.seed_indptr[w]; s < priors.seed_indptr[w + 1]; ++s)
    beta[priors.seed_topics[s]] += static_cast<double>(priors.seed_values[s]);
  return beta;
}
inline bool has_seeds(const Priors& priors, Index w) {
  return priors.seed_indptr && priors.seed_indptr[w] < priors.seed_indptr[w + 1];
}

// Indices of the tokens of a run, in whole vectors: almost every run fits in one, so that the
// branch is predictable.
GIBBOUS_INLINE void spread(std::uint32_t* place, std::uint32_t from, Index count) {
  WordLanes steps{};
  GIBBOUS_UNROLL
  for (int i = 0; i < kTokenLanes; ++i) steps[i] = static_cast<std::uint32_t>(i);
  for (Index i = 0; i < count; i += kTokenLanes)
    store(place + i, steps + (from + static_cast<std::uint32_t>(i)));
}

// Gathers the states at `place` into the buffers and counts their topics. Adjacent tokens often
// have the same topic, and each increment of a count waits for the previous one: two rows of
// counts, used if there is a pass over them anyway, halve the wait.
template <int M, class Place>
void fetch(const State* a, const State* b, const Place* place, Index n, Scratch& mine,
           bool two_rows) {
  State *to = mine.a.data(), *more = mine.b.data();
  Count* counts = mine.counts.data();
  Count* odd = two_rows ? mine.odd.data() : counts;
  const auto one = [&](Index i, Count* row) {
    const State x = a[place[i]];
    to[i] = x;
    ++row[x & kTopicMask];
    if constexpr (M > 1) more[i] = b[place[i]];
  };
  Index i = 0;
  for (; i + 2 <= n; i += 2) {
    one(i, counts);
    one(i + 1, odd);
  }
  if (i < n) one(i, counts);
}
template <int M, class Place>
void put_back(State* a, State* b, const Place* place, Index n, const Scratch& mine) {
  const State *from = mine.a.data(), *more = mine.b.data();
  for (Index i = 0; i < n; ++i) {
    a[place[i]] = from[i];
    if constexpr (M > 1) b[place[i]] = more[i];
  }
}

}  // namespace gibbous::lda
