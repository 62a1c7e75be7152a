// SPDX-License-Identifier: Apache-2.0
#include "gibbous/lda_fast.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "gibbous/lda_kernels.hpp"
#include "gibbous/random.hpp"

namespace gibbous::lda {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// What a draw is for, in the low bits of the stream's iteration.
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

// Copies of a run are short: no call, and never a read beyond it, where another thread may write.
GIBBOUS_INLINE void copy_states(State* to, const State* from, Index n) {
  for (; n >= 4; n -= 4, to += 4, from += 4) std::memcpy(to, from, 4 * sizeof(State));
  for (; n > 0; --n) *to++ = *from++;
}

std::uint32_t whole_slots(double sum) {
  return static_cast<std::uint32_t>(std::max(1.0, std::ceil(sum - 1e-9 * sum)));
}

}  // namespace

// A Dirichlet prior over topics, as the passes use it.
struct PassPrior {
  bool same = true;
  float value = 0;            // of each topic, where all are the same
  std::vector<float> values;  // else of each
  Alias table;                // of these and what is short of whole slots
  std::uint32_t slots = 1;

  void set_same(double v, Index topics) {
    same = true;
    value = static_cast<float>(v);
    slots = whole_slots(v * static_cast<double>(topics));
  }
  void set(const double* v, Index topics) {
    same = std::all_of(v, v + topics, [&](double x) { return x == v[0]; });
    if (same) return set_same(v[0], topics);
    values.assign(v, v + topics);
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
      : with(totals.size()), without(totals.size()) {
    const auto k = static_cast<Index>(totals.size());
    for (std::size_t t = 0; t < totals.size(); ++t) {
      const double n = static_cast<double>(totals[t]) + priors.beta_sum[t];
      with[t] = static_cast<float>(1 / n);
      // a topic without tokens is nobody's own, so its place is never read
      without[t] = static_cast<float>(1 / std::max(n - 1, 1e-30));
    }
    word.set_same(priors.beta, k);
    document.set(priors.alpha, k);
  }
  Index topics() const { return static_cast<Index>(with.size()); }

  std::vector<float> with, without;
  PassPrior word, document;
};

// What one thread works in.
struct Scratch {
  explicit Scratch(Index topics) : counts(at(topics), 0), totals(at(topics), 0) {}

  void reserve(Index n, bool more) {
    if (static_cast<Index>(a.size()) < n + kUnitSlack) a.resize(at(n + n / 2 + kUnitSlack));
    if (more && b.size() < a.size()) b.resize(a.size());
  }
  Unit unit(Index n, std::uint64_t first) {
    // lanes beyond the end are computed too, and must hold some topic
    std::fill(a.begin() + n, a.begin() + n + kTokenLanes, 0);
    if (!b.empty()) std::fill(b.begin() + n, b.begin() + n + kTokenLanes, 0);
    return {a.data(), b.empty() ? nullptr : b.data(), n, first};
  }

  Buffer<State> a, b;
  std::vector<Index> positions;
  Buffer<Count> counts;
  std::vector<Index64> totals;
  std::vector<std::uint32_t> place;
  PassPrior seeded;
};

namespace {

std::vector<Scratch> scratch_for(const Execution& run, Index topics) {
  return std::vector<Scratch>(at(std::max(run.threads, 1)), Scratch(topics));
}

void add_counts(const Unit& unit, Count* counts) {
  for (Index i = 0; i < unit.n; ++i) ++counts[unit.a[i] & kTopicMask];
}

template <int M>
void accept_unit(const Unit& unit, const Count* counts, const Tables& tables,
                 const PassPrior& prior, const std::array<BulkStream, M>& draws) {
  const Frozen frozen{counts, tables.with.data(), tables.without.data()};
  if (prior.same)
    accept<M>(unit, frozen, SamePrior{prior.value}, draws);
  else
    accept<M>(unit, frozen, TopicPrior{prior.values.data()}, draws);
}

template <int M>
void propose_unit(const Unit& unit, const PassPrior& prior, Index topics,
                  const std::array<BulkStream, M>& draws) {
  const auto k = static_cast<std::int32_t>(topics);
  if (prior.same) {
    propose<M>(unit, prior.slots, SameDraw{1 / prior.value, k}, draws);
  } else {
    const std::uint32_t inverse =
        prior.slots == 1 ? 0xFFFFFFFFu
                         : static_cast<std::uint32_t>((std::uint64_t{1} << 32) / prior.slots);
    propose<M>(unit, prior.slots, TopicDraw{&prior.table, inverse, k}, draws);
  }
}

// Count, accept, propose: the work on a word or a document that lies in a buffer.
template <int M>
void visit_unit(const Unit& unit, Scratch& mine, const Tables& tables, const PassPrior& prior,
                const std::array<BulkStream, M>& accepts,
                const std::array<BulkStream, M>& proposes) {
  add_counts(unit, mine.counts.data());
  accept_unit<M>(unit, mine.counts.data(), tables, prior, accepts);
  for (Index i = 0; i < unit.n; ++i) mine.counts[unit.a[i] >> 16] = 0;
  propose_unit<M>(unit, prior, tables.topics(), proposes);
}

}  // namespace

FastSampler::FastSampler(const Documents& documents, Index topics, int proposals, const Topic* z,
                         std::uint64_t seed, const Execution& run)
    : topics_(topics),
      proposals_(proposals),
      layout_(build_layout(documents, run)),
      a_(layout_.tokens + kUnitSlack),
      b_(proposals > 1 ? layout_.tokens + kUnitSlack : 0),
      totals_(at(topics), 0) {
  const Stream start(seed, Purpose::lda_start);
  parallel_tasks(run, layout_.blocks, [&](Index b, const Worker&) {
    const Index begin = layout_.block_begin(b), end = layout_.block_begin(b + 1);
    const bool alone = layout_.alone(b);
    for (Index i = begin; i < end; ++i) {
      const auto drawn = static_cast<State>(start.uniform(0, static_cast<std::uint64_t>(i)) *
                                            static_cast<double>(topics));
      const State k = z ? z[i] : drawn;
      const Index p = alone ? i : begin + layout_.position[i];
      a_[p] = k | k << 16;
      if (proposals_ > 1) b_[p] = k | k << 16;
    }
  });
  recount(run);
  find_heavy_words(run);
}

FastSampler::~FastSampler() = default;

void FastSampler::recount(const Execution& run) {
  auto scratch = scratch_for(run, topics_);
  const Index tasks = slots(layout_.tokens, 65536);
  parallel_tasks(run, tasks, [&](Index s, const Worker& worker) {
    auto& totals = scratch[at(worker.index())].totals;
    const Range range = slot_range(layout_.tokens, tasks, s);
    for (Index i = range.begin; i < range.end; ++i) ++totals[a_[i] & kTopicMask];
  });
  std::fill(totals_.begin(), totals_.end(), 0);
  for (const Scratch& s : scratch)
    for (std::size_t k = 0; k < totals_.size(); ++k) totals_[k] += s.totals[k];
}

Index FastSampler::bytes() const {
  return layout_.bytes() + a_.bytes() + b_.bytes() +
         static_cast<Index>(pieces_.size() * sizeof(Piece) + parts_.size() * sizeof(Part));
}

namespace {

// Calls visit(word, first run) for the words of a task, with `place` standing where each block
// has its next token; visit moves it on.
template <class Visit>
void walk_task(const Layout& layout, Index task, std::vector<std::uint32_t>& place, Visit&& visit) {
  const auto* start = layout.task_start.data() + task * layout.blocks;
  place.assign(start, start + layout.blocks);
  for (Index w = layout.task_words[at(task)]; w < layout.task_words[at(task + 1)]; ++w)
    if (layout.word_tokens[at(w + 1)] > layout.word_tokens[at(w)]) visit(w);
}

}  // namespace

void FastSampler::find_heavy_words(const Execution&) {
  std::vector<std::uint32_t> place;
  for (Index t = 0; t < layout_.tasks(); ++t) {
    bool any = false;
    for (Index w = layout_.task_words[at(t)]; w < layout_.task_words[at(t + 1)]; ++w)
      any |= layout_.word_tokens[at(w + 1)] - layout_.word_tokens[at(w)] >= kHeavyTokens;
    if (!any) continue;
    walk_task(layout_, t, place, [&](Index w) {
      const Index64 begin = layout_.word_tokens[at(w)];
      const bool heavy = layout_.word_tokens[at(w + 1)] - begin >= kHeavyTokens;
      Index in_part = kHeavyTokens;
      Index64 token = begin;
      for (Index64 r = layout_.word_runs[at(w)]; r < layout_.word_runs[at(w + 1)]; ++r) {
        const Run run = layout_.runs[r];
        const Index from = layout_.block_begin(run.block) + place[run.block];
        place[run.block] += run.count;
        if (!heavy) continue;
        if (in_part + run.count > kHeavyTokens) {
          const auto next = static_cast<Index>(pieces_.size());
          parts_.push_back(
              {static_cast<Index>(heavy_.size()), next, next, static_cast<std::uint64_t>(token)});
          in_part = 0;
        }
        pieces_.push_back({from, run.count});
        ++parts_.back().end;
        in_part += run.count;
        token += run.count;
      }
      if (heavy) heavy_.push_back(w);
    });
  }
}

template <int M>
void FastSampler::word_pass(const Tables& tables, const Priors& priors, std::uint64_t seed,
                            std::uint32_t iteration, const Execution& run) {
  const auto accepts = streams<M>(seed, iteration, accept_word);
  const auto proposes = streams<M>(seed, iteration, propose_word);
  auto scratch = scratch_for(run, topics_);
  parallel_tasks(run, layout_.tasks(), [&](Index t, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    walk_task(layout_, t, mine.place, [&](Index w) {
      const Index64 first = layout_.word_tokens[at(w)], r0 = layout_.word_runs[at(w)];
      const Index n = layout_.word_tokens[at(w + 1)] - first;
      const Index runs = layout_.word_runs[at(w + 1)] - r0;
      const Run* run_of = &layout_.runs[r0];
      if (n >= kHeavyTokens) {
        for (Index r = 0; r < runs; ++r) mine.place[run_of[r].block] += run_of[r].count;
        return;
      }
      mine.reserve(n, M > 1);
      if (static_cast<Index>(mine.positions.size()) < runs) mine.positions.resize(at(2 * runs));
      Index j = 0;
      for (Index r = 0; r < runs; ++r) {
        std::uint32_t& place = mine.place[run_of[r].block];
        const Index from = layout_.block_begin(run_of[r].block) + place, count = run_of[r].count;
        place += static_cast<std::uint32_t>(count);
        mine.positions[at(r)] = from;
        __builtin_prefetch(a_.data() + from + count + 32, 1);
        copy_states(mine.a.data() + j, a_.data() + from, count);
        if (M > 1) copy_states(mine.b.data() + j, b_.data() + from, count);
        j += count;
      }
      const PassPrior* prior = &tables.word;
      if (priors.seed_indptr && priors.seed_indptr[w] < priors.seed_indptr[w + 1]) {
        std::vector<double> beta(at(topics_), priors.beta);
        for (Index64 s = priors.seed_indptr[w]; s < priors.seed_indptr[w + 1]; ++s)
          beta[priors.seed_topics[s]] += static_cast<double>(priors.seed_values[s]);
        mine.seeded.set(beta.data(), topics_);
        prior = &mine.seeded;
      }
      visit_unit<M>(mine.unit(n, static_cast<std::uint64_t>(first)), mine, tables, *prior, accepts,
                    proposes);
      j = 0;
      for (Index r = 0; r < runs; ++r) {
        const Index to = mine.positions[at(r)], count = run_of[r].count;
        copy_states(a_.data() + to, mine.a.data() + j, count);
        if (M > 1) copy_states(b_.data() + to, mine.b.data() + j, count);
        j += count;
      }
    });
  });
}

template <int M>
void FastSampler::heavy_words(const Tables& tables, const Priors& priors, std::uint64_t seed,
                              std::uint32_t iteration, const Execution& run) {
  if (heavy_.empty()) return;
  const auto accepts = streams<M>(seed, iteration, accept_word);
  const auto proposes = streams<M>(seed, iteration, propose_word);
  const auto words = static_cast<Index>(heavy_.size()), parts = static_cast<Index>(parts_.size());
  auto scratch = scratch_for(run, topics_);
  Buffer<Count> before(at(words * topics_), 0), after(at(words * topics_), 0);
  std::vector<PassPrior> prior(at(words));
  std::vector<Alias> tables_of(at(words));

  const auto fetch = [&](const Part& part, Scratch& mine) {
    Index n = 0;
    for (Index p = part.begin; p < part.end; ++p) n += pieces_[at(p)].count;
    mine.reserve(n, M > 1);
    Index j = 0;
    for (Index p = part.begin; p < part.end; j += pieces_[at(p++)].count) {
      copy_states(mine.a.data() + j, a_.data() + pieces_[at(p)].position, pieces_[at(p)].count);
      if (M > 1)
        copy_states(mine.b.data() + j, b_.data() + pieces_[at(p)].position, pieces_[at(p)].count);
    }
    return mine.unit(n, part.first);
  };
  const auto put_back = [&](const Part& part, const Unit& unit) {
    Index j = 0;
    for (Index p = part.begin; p < part.end; j += pieces_[at(p++)].count) {
      copy_states(a_.data() + pieces_[at(p)].position, unit.a + j, pieces_[at(p)].count);
      if (M > 1) copy_states(b_.data() + pieces_[at(p)].position, unit.b + j, pieces_[at(p)].count);
    }
  };
  const auto count_into = [&](const Part& part, const Unit& unit, Scratch& mine, Count* row) {
    add_counts(unit, mine.counts.data());
    for (Index k = 0; k < topics_; ++k) {
      const Count n = mine.counts[at(k)];
      if (n) __atomic_fetch_add(row + part.heavy * topics_ + k, n, __ATOMIC_RELAXED);
      mine.counts[at(k)] = 0;
    }
  };

  parallel_tasks(run, parts, [&](Index q, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    count_into(parts_[at(q)], fetch(parts_[at(q)], mine), mine, before.data());
  });
  parallel_tasks(run, words, [&](Index h, const Worker&) {
    std::vector<double> beta(at(topics_), priors.beta);
    const Index w = heavy_[at(h)];
    if (priors.seed_indptr)
      for (Index64 s = priors.seed_indptr[w]; s < priors.seed_indptr[w + 1]; ++s)
        beta[priors.seed_topics[s]] += static_cast<double>(priors.seed_values[s]);
    prior[at(h)].set(beta.data(), topics_);
  });
  parallel_tasks(run, parts, [&](Index q, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    const Part& part = parts_[at(q)];
    const Unit unit = fetch(part, mine);
    accept_unit<M>(unit, before.data() + part.heavy * topics_, tables, prior[at(part.heavy)],
                   accepts);
    count_into(part, unit, mine, after.data());
    put_back(part, unit);
  });
  parallel_tasks(run, words, [&](Index h, const Worker&) {
    const PassPrior& p = prior[at(h)];
    std::vector<double> weights(at(topics_));
    for (Index k = 0; k < topics_; ++k)
      weights[at(k)] = static_cast<double>(after[at(h * topics_ + k)]) +
                       static_cast<double>(p.same ? p.value : p.values[at(k)]);
    tables_of[at(h)].build(weights.data(), topics_);
  });
  parallel_tasks(run, parts, [&](Index q, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    const Unit unit = fetch(parts_[at(q)], mine);
    propose_from<M>(unit, tables_of[at(parts_[at(q)].heavy)], proposes);
    put_back(parts_[at(q)], unit);
  });
}

template <int M>
void FastSampler::document_pass(const Tables& tables, std::uint64_t seed, std::uint32_t iteration,
                                const Execution& run) {
  const auto accepts = streams<M>(seed, iteration, accept_document);
  const auto proposes = streams<M>(seed, iteration, propose_document);
  auto scratch = scratch_for(run, topics_);
  parallel_tasks(run, layout_.blocks, [&](Index b, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    State* a = a_.data() + layout_.block_begin(b);
    State* more = M > 1 ? b_.data() + layout_.block_begin(b) : nullptr;
    const bool alone = layout_.alone(b);
    for (Index d = layout_.block_documents[at(b)]; d < layout_.block_documents[at(b + 1)]; ++d) {
      const Index64 first = layout_.document_tokens[at(d)];
      const Index n = layout_.document_tokens[at(d + 1)] - first;
      if (n == 0) continue;
      mine.reserve(n, M > 1);
      const std::uint16_t* position = layout_.position.data() + first;
      const auto place = [&](Index i) { return alone ? i : static_cast<Index>(position[i]); };
      for (Index i = 0; i < n; ++i) mine.a[at(i)] = a[place(i)];
      if (M > 1)
        for (Index i = 0; i < n; ++i) mine.b[at(i)] = more[place(i)];
      visit_unit<M>(mine.unit(n, static_cast<std::uint64_t>(first)), mine, tables, tables.document,
                    accepts, proposes);
      for (Index i = 0; i < n; ++i) {
        const State x = mine.a[at(i)];
        ++mine.totals[x & kTopicMask];
        a[place(i)] = x;
      }
      if (M > 1)
        for (Index i = 0; i < n; ++i) more[place(i)] = mine.b[at(i)];
    }
  });
  std::fill(totals_.begin(), totals_.end(), 0);
  for (const Scratch& s : scratch)
    for (std::size_t k = 0; k < totals_.size(); ++k) totals_[k] += s.totals[k];
}

template <int M>
void FastSampler::both_passes(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
                              const Execution& run) {
  const Tables tables(priors, totals_);
  heavy_words<M>(tables, priors, seed, iteration, run);
  word_pass<M>(tables, priors, seed, iteration, run);
  document_pass<M>(tables, seed, iteration, run);
}

void FastSampler::sweep(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
                        const Execution& run) {
  if (proposals_ == 1)
    both_passes<1>(priors, seed, iteration, run);
  else
    both_passes<3>(priors, seed, iteration, run);
}

void FastSampler::topics(Topic* z, const Execution& run) const {
  parallel_tasks(run, layout_.blocks, [&](Index b, const Worker&) {
    const Index begin = layout_.block_begin(b), end = layout_.block_begin(b + 1);
    const bool alone = layout_.alone(b);
    for (Index i = begin; i < end; ++i)
      z[i] = static_cast<Topic>(a_[alone ? i : begin + layout_.position[i]] & kTopicMask);
  });
}

Counts FastSampler::word_counts(const Execution& run) const {
  const Index tasks = layout_.tasks();
  std::vector<Counts> part(at(tasks));
  auto scratch = scratch_for(run, topics_);
  parallel_tasks(run, tasks, [&](Index t, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    Counts& out = part[at(t)];
    Index next = layout_.task_words[at(t)];
    std::vector<Topic> seen;
    walk_task(layout_, t, mine.place, [&](Index w) {
      for (; next < w; ++next) out.indptr.push_back(static_cast<Index64>(out.topics.size()));
      seen.clear();
      for (Index64 r = layout_.word_runs[at(w)]; r < layout_.word_runs[at(w + 1)]; ++r) {
        const Run one = layout_.runs[r];
        const State* a = a_.data() + layout_.block_begin(one.block) + mine.place[one.block];
        mine.place[one.block] += one.count;
        for (Index i = 0; i < one.count; ++i) {
          const auto k = static_cast<Topic>(a[i] & kTopicMask);
          if (mine.counts[k]++ == 0) seen.push_back(k);
        }
      }
      std::sort(seen.begin(), seen.end());
      for (const Topic k : seen) {
        out.topics.push_back(k);
        out.counts.push_back(mine.counts[k]);
        mine.counts[k] = 0;
      }
    });
    for (; next < layout_.task_words[at(t + 1)]; ++next)
      out.indptr.push_back(static_cast<Index64>(out.topics.size()));
  });
  Counts all;
  all.indptr.push_back(0);
  for (Counts& p : part) {
    const Index64 base = static_cast<Index64>(all.topics.size());
    for (const Index64 e : p.indptr) all.indptr.push_back(base + e);
    all.topics.insert(all.topics.end(), p.topics.begin(), p.topics.end());
    all.counts.insert(all.counts.end(), p.counts.begin(), p.counts.end());
    p = Counts();
  }
  return all;
}

void Alias::build(const double* weights, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += weights[i];
  keep_.assign(at(n), 0x1p31f);
  other_.resize(at(n));
  scaled_.resize(at(n));
  small_.clear();
  large_.clear();
  for (Index i = 0; i < n; ++i) {
    other_[at(i)] = static_cast<std::int32_t>(i);
    scaled_[at(i)] = weights[i] / sum * static_cast<double>(n);
    (scaled_[at(i)] < 1 ? small_ : large_).push_back(static_cast<std::int32_t>(i));
  }
  while (!small_.empty() && !large_.empty()) {
    const std::int32_t s = small_.back(), l = large_.back();
    small_.pop_back();
    keep_[at(s)] = static_cast<float>(scaled_[at(s)] * 0x1p31);
    other_[at(s)] = l;
    scaled_[at(l)] -= 1 - scaled_[at(s)];
    if (scaled_[at(l)] < 1) {
      large_.pop_back();
      small_.push_back(l);
    }
  }
}

}  // namespace gibbous::lda
