// SPDX-License-Identifier: Apache-2.0
#include "gibbous/lda/fast/sampler.hpp"

#include <algorithm>
#include <array>

#include "gibbous/lda/fast/unit.hpp"

namespace gibbous::lda {

namespace {

std::vector<Scratch> scratch_for(const Execution& run, Index topics) {
  return std::vector<Scratch>(at(std::max(run.threads, 1)), Scratch(topics));
}

}  // namespace

FastSampler::FastSampler(const Documents& documents, Index topics, int proposals, const Topic* z,
                         std::uint64_t seed, const Execution& run)
    : topics_(topics),
      proposals_(proposals),
      layout_(build_layout(documents, run)),
      a_(layout_.tokens + kUnitSlack),
      b_(proposals > 1 ? layout_.tokens + kUnitSlack : 0),
      frozen_(at(topics), 0) {
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
  frozen_ = totals(run);
  find_heavy_words();
}

FastSampler::~FastSampler() = default;

std::vector<Index64> FastSampler::totals(const Execution& run) const {
  auto scratch = scratch_for(run, topics_);
  const Index tasks = slots(layout_.tokens, 65536);
  parallel_tasks(run, tasks, [&](Index s, const Worker& worker) {
    auto& totals = scratch[at(worker.index())].totals;
    const Range range = slot_range(layout_.tokens, tasks, s);
    for (Index i = range.begin; i < range.end; ++i) ++totals[a_[i] & kTopicMask];
  });
  std::vector<Index64> totals(at(topics_), 0);
  for (const Scratch& s : scratch)
    for (std::size_t k = 0; k < totals.size(); ++k) totals[k] += s.totals[k];
  return totals;
}

Index FastSampler::bytes() const {
  return layout_.bytes() + a_.bytes() + b_.bytes() +
         static_cast<Index>(pieces_.size() * sizeof(Piece) + parts_.size() * sizeof(Part));
}

namespace {

// Calls visit(word) for the words of a task that have tokens; `next` holds the position of the next
// token of each block, which visit advances.
template <class Visit>
void walk_task(const Layout& layout, Index task, std::vector<std::uint32_t>& next, Visit&& visit) {
  next.resize(at(layout.blocks));
  const auto* start = layout.task_start.data() + task * layout.blocks;
  for (Index b = 0; b < layout.blocks; ++b)
    next[at(b)] = static_cast<std::uint32_t>(layout.block_begin(b)) + start[b];
  for (Index w = layout.task_words[at(task)]; w < layout.task_words[at(task + 1)]; ++w)
    if (layout.word_tokens[at(w + 1)] > layout.word_tokens[at(w)]) visit(w);
}

// How far ahead of the next token of a block its states are prefetched.
constexpr Index kAhead = 32;

// Prefetches n states in order: the documents of a block access them in random order, and most
// accesses would stall. A sweep over 10 million tokens takes some .95 of the time.
void bring_near(const State* states, Index n) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(State));
  for (Index i = 0; i < n; i += line) __builtin_prefetch(states + i, 1, 2);
}

// Adds the counts to a row that threads share, and clears them. They are integers, so that the
// order does not matter.
void add_counts(Scratch& mine, Index topics, Count* row) {
  for (Index k = 0; k < topics; ++k) {
    if (mine.counts[at(k)]) __atomic_fetch_add(row + k, mine.counts[at(k)], __ATOMIC_RELAXED);
    mine.counts[at(k)] = 0;
  }
}

}  // namespace

void FastSampler::find_heavy_words() {
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
        const std::uint32_t from = place[run.block];
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
                            std::uint32_t iteration, const Execution& run,
                            std::vector<Scratch>& scratch) {
  const auto accepts = streams<M>(seed, iteration, accept_word);
  const auto proposes = streams<M>(seed, iteration, propose_word);
  State *a = a_.data(), *b = b_.data();
  parallel_tasks(run, layout_.tasks(), [&](Index t, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    walk_task(layout_, t, mine.next, [&](Index w) {
      const Index64 first = layout_.word_tokens[at(w)];
      const Index n = layout_.word_tokens[at(w + 1)] - first;
      const Run* begin = layout_.runs.data() + layout_.word_runs[at(w)];
      const Run* end = layout_.runs.data() + layout_.word_runs[at(w + 1)];
      if (n >= kHeavyTokens) {
        for (const Run* r = begin; r < end; ++r) mine.next[r->block] += r->count;
        return;
      }
      mine.reserve(n, M > 1);
      std::uint32_t* place = mine.place.data();
      for (const Run* r = begin; r < end; ++r) {
        const std::uint32_t from = mine.next[r->block];
        mine.next[r->block] = from + r->count;
        __builtin_prefetch(a + from + r->count + kAhead, 1);
        if (M > 1) __builtin_prefetch(b + from + r->count + kAhead, 1);
        spread(place, from, r->count);
        place += r->count;
      }
      fetch<M>(a, b, mine.place.data(), n, mine, fills_rows(n, topics_));
      const PassPrior* prior = &tables.word;
      if (has_seeds(priors, w)) {
        mine.seeded.set(seeded_beta(priors, w, topics_).data(), topics_);
        prior = &mine.seeded;
      }
      const Unit unit = mine.unit(n, static_cast<std::uint64_t>(first));
      accept_unit<M>(unit, tables, *prior, mine, accepts);
      propose_unit<M>(unit, *prior, topics_, proposes);
      put_back<M>(a, b, mine.place.data(), n, mine);
    });
    mine.flush();
  });
}

// The tokens of a part of a very frequent word; their counts are in `mine`.
template <int M>
Unit FastSampler::bring(const Part& part, Scratch& mine) {
  Index n = 0;
  for (Index p = part.begin; p < part.end; ++p) {
    const Piece& piece = pieces_[at(p)];
    mine.reserve(n + piece.count, M > 1);
    spread(mine.place.data() + n, piece.place, piece.count);
    n += piece.count;
  }
  fetch<M>(a_.data(), b_.data(), mine.place.data(), n, mine, false);
  return mine.unit(n, part.first);
}

template <int M>
void FastSampler::heavy_words(const Tables& tables, const Priors& priors, std::uint64_t seed,
                              std::uint32_t iteration, const Execution& run,
                              std::vector<Scratch>& scratch) {
  if (heavy_.empty()) return;
  const auto accepts = streams<M>(seed, iteration, accept_word);
  const auto proposes = streams<M>(seed, iteration, propose_word);
  const auto words = static_cast<Index>(heavy_.size()), parts = static_cast<Index>(parts_.size());
  const Index width = topics_ + kTokenLanes;
  Buffer<Count> before(at(words * width), 0), after(at(words * width), 0);
  std::vector<PassPrior> prior(at(words));
  std::vector<Alias> table(at(words));

  parallel_tasks(run, parts, [&](Index q, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    bring<M>(parts_[at(q)], mine);
    add_counts(mine, topics_, before.data() + parts_[at(q)].heavy * width);
  });
  parallel_tasks(run, words, [&](Index h, const Worker& worker) {
    if (has_seeds(priors, heavy_[at(h)]))
      prior[at(h)].set(seeded_beta(priors, heavy_[at(h)], topics_).data(), topics_);
    else
      prior[at(h)].set_same(priors.beta, topics_);
    Scratch& mine = scratch[at(worker.index())];
    for (Index k = 0; k < topics_; ++k) mine.totals[at(k)] += before[at(h * width + k)];
  });
  parallel_tasks(run, parts, [&](Index q, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    const Part& part = parts_[at(q)];
    const Unit unit = bring<M>(part, mine);
    std::fill(mine.counts.begin(), mine.counts.end(), 0);
    const Count* row = before.data() + part.heavy * width;
    accept<M>(unit,
              fill_rows(tables, prior[at(part.heavy)], mine.rows.data(),
                        [=](Index k) { return load(row + k); }),
              accepts);
    for (Index i = 0; i < unit.n; ++i) ++mine.counts[unit.a[i] & kTopicMask];
    add_counts(mine, topics_, after.data() + part.heavy * width);
    put_back<M>(a_.data(), b_.data(), mine.place.data(), unit.n, mine);
  });
  parallel_tasks(run, words, [&](Index h, const Worker&) {
    std::vector<double> weights(at(topics_));
    for (Index k = 0; k < topics_; ++k)
      weights[at(k)] = static_cast<double>(after[at(h * width + k)]) +
                       static_cast<double>(prior[at(h)].values[at(k)]);
    table[at(h)].build(weights.data(), topics_);
  });
  parallel_tasks(run, parts, [&](Index q, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    const Unit unit = bring<M>(parts_[at(q)], mine);
    std::fill(mine.counts.begin(), mine.counts.end(), 0);
    propose_from<M>(unit, table[at(parts_[at(q)].heavy)], proposes);
    put_back<M>(a_.data(), b_.data(), mine.place.data(), unit.n, mine);
  });
}

template <int M>
void FastSampler::document_pass(const Tables& tables, std::uint64_t seed, std::uint32_t iteration,
                                const Execution& run, std::vector<Scratch>& scratch) {
  const auto accepts = streams<M>(seed, iteration, accept_document);
  const auto proposes = streams<M>(seed, iteration, propose_document);
  parallel_tasks(run, layout_.blocks, [&](Index block, const Worker& worker) {
    Scratch& mine = scratch[at(worker.index())];
    State* a = a_.data() + layout_.block_begin(block);
    State* b = M > 1 ? b_.data() + layout_.block_begin(block) : nullptr;
    // a document with its own block is read in order, and may not fit the cache
    const Index size =
        layout_.alone(block) ? 0 : layout_.block_begin(block + 1) - layout_.block_begin(block);
    bring_near(a, size);
    if (M > 1) bring_near(b, size);
    const Index last = layout_.block_documents[at(block + 1)];
    for (Index d = layout_.block_documents[at(block)]; d < last; ++d) {
      const Index64 first = layout_.document_tokens[at(d)];
      const Index n = layout_.document_tokens[at(d + 1)] - first;
      if (n == 0) continue;
      mine.reserve(n, M > 1);
      const auto visit = [&](const auto* place) {
        fetch<M>(a, b, place, n, mine, fills_rows(n, topics_));
        const Unit unit = mine.unit(n, static_cast<std::uint64_t>(first));
        accept_unit<M>(unit, tables, tables.document, mine, accepts);
        propose_unit<M>(unit, tables.document, topics_, proposes);
        put_back<M>(a, b, place, n, mine);
      };
      if (layout_.alone(block)) {
        spread(mine.place.data(), 0, n);
        visit(mine.place.data());
      } else {
        visit(layout_.position.data() + first);
      }
    }
    mine.flush();
  });
}

// The totals that a pass counts are those of the state before it, used by the next pass but one.
// They are free of cost there, and a total changes little in a pass.
template <int M>
void FastSampler::both_passes(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
                              const Execution& run) {
  const auto fold = [&](const std::vector<Scratch>& scratch) {
    std::fill(frozen_.begin(), frozen_.end(), 0);
    for (const Scratch& s : scratch)
      for (std::size_t k = 0; k < frozen_.size(); ++k) frozen_[k] += s.totals[k];
  };
  {
    const Tables tables(priors, frozen_);
    auto scratch = scratch_for(run, topics_);
    heavy_words<M>(tables, priors, seed, iteration, run, scratch);
    word_pass<M>(tables, priors, seed, iteration, run, scratch);
    fold(scratch);
  }
  const Tables tables(priors, frozen_);
  auto scratch = scratch_for(run, topics_);
  document_pass<M>(tables, seed, iteration, run, scratch);
  fold(scratch);
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
    walk_task(layout_, t, mine.next, [&](Index w) {
      for (; next < w; ++next) out.indptr.push_back(static_cast<Index64>(out.topics.size()));
      seen.clear();
      for (Index64 r = layout_.word_runs[at(w)]; r < layout_.word_runs[at(w + 1)]; ++r) {
        const Run one = layout_.runs[r];
        const State* a = a_.data() + mine.next[one.block];
        mine.next[one.block] += one.count;
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
