// SPDX-License-Identifier: Apache-2.0
#include "gibbous/lda/exact/sampler.hpp"

#include <numeric>

#include "gibbous/lda/exact/block.hpp"

namespace gibbous::lda {

using exact::at;

namespace {

template <class V>
Index bytes_of(const V& v) {
  return static_cast<Index>(v.size() * sizeof(v[0]));
}

void push(Counts& out, Topic k, Count n) {
  out.topics.push_back(k);
  out.counts.push_back(n);
}

// The topics of word w and their counts; scratch holds the topics of its tokens.
void count_word(const exact::State& s, Index w, std::vector<Topic>& scratch, Counts& out) {
  const Index32 place = s.place[at(w)];
  if (place == -1) return;
  const Index32 kept = place >= 0 ? s.words[at(place)].kept : s.shared[at(-2 - place)].kept;
  if (kept >= 0) {
    const Count* n = s.kept_row(kept);
    for (Index k = 0; k < s.topics; ++k)
      if (n[k]) push(out, static_cast<Topic>(k), n[k]);
    return;
  }
  // few tokens compared with the topics: sorting is faster than scanning every topic
  scratch.assign(s.z.data() + s.words[at(place)].begin, s.z.data() + s.words[at(place + 1)].begin);
  std::sort(scratch.begin(), scratch.end());
  for (std::size_t i = 0; i < scratch.size();) {
    const auto next =
        std::upper_bound(scratch.begin() + static_cast<Index>(i), scratch.end(), scratch[i]) -
        scratch.begin();
    push(out, scratch[i], static_cast<Count>(next - static_cast<Index>(i)));
    i = at(next);
  }
}

// Calls visit(row, topic) for the tokens of word w in document group g, in canonical order.
template <class Visit>
void visit_run(const exact::State& s, Index w, Index g, Visit&& visit) {
  const auto one = [&](Index v) {
    const Range run = s.run_of(v, g);
    for (Index i = run.begin; i < run.end; ++i) visit(s.row[i], s.z[i]);
  };
  const Index32 place = s.place[at(w)];
  if (place >= 0) one(place);
  if (place < -1)
    for (const Index32 v : s.shared[at(-2 - place)].parts) one(v);
}

}  // namespace

ExactSampler::ExactSampler(const Documents& documents, Index topics, const Topic* z,
                           const Execution& run, Kernel kernel, Index blocks)
    : state_(exact::build(documents, topics, z, kernel, blocks, run)) {}

ExactSampler::ExactSampler(std::unique_ptr<exact::State> state) : state_(std::move(state)) {}

ExactSampler::~ExactSampler() = default;

void ExactSampler::sweep(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
                         const Execution& run) {
  exact::State& s = *state_;
  const exact::Sweep sweep(s, priors, seed, iteration);
  std::visit([&](auto& rows) { exact::sample(s, rows, sweep, run); }, s.rows);
}

void ExactSampler::topics(Topic* z, const Execution& run) const {
  const exact::State& s = *state_;
  parallel_tasks(run, s.blocks, [&](Index g, const Worker& worker) {
    // index of the next token of every document, by the number of its row
    const Index first = s.group_documents[at(g)], last = s.group_documents[at(g + 1)];
    const exact::Row base = s.document_row[at(first)];
    std::vector<Index64> next(at(s.row_limit(g) - base));
    for (Index d = first; d < last; ++d)
      next[s.document_row[at(d)] - base] = s.document_tokens[at(d)];
    Index done = 0;
    for (Index w = 0; w < s.vocabulary; ++w) {
      visit_run(s, w, g, [&](exact::Row r, Topic k) {
        z[next[r - base]++] = k;
        ++done;
      });
      if (done >= 65536 || w % 1024 == 0) {
        done = 0;
        worker.checkpoint();
      }
    }
  });
}

const Index64* ExactSampler::totals() const { return state_->totals.data(); }

Counts ExactSampler::word_counts(const Execution& run) const {
  const exact::State& s = *state_;
  const Index tasks = slots(s.vocabulary, 64);
  std::vector<Counts> parts(at(tasks));
  parallel_tasks(run, tasks, [&](Index t, const Worker& worker) {
    Counts& out = parts[at(t)];
    std::vector<Topic> scratch;
    const Range range = slot_range(s.vocabulary, tasks, t);
    for (Index w = range.begin; w < range.end; ++w) {
      count_word(s, w, scratch, out);
      out.indptr.push_back(static_cast<Index64>(out.topics.size()));
      worker.checkpoint();
    }
  });
  Counts all;
  all.indptr = {0};
  for (const Counts& part : parts) {
    const Index64 base = all.indptr.back();
    for (const Index64 end : part.indptr) all.indptr.push_back(base + end);
    all.topics.insert(all.topics.end(), part.topics.begin(), part.topics.end());
    all.counts.insert(all.counts.end(), part.counts.begin(), part.counts.end());
  }
  return all;
}

Index ExactSampler::tokens() const { return state_->tokens; }
Index ExactSampler::topic_count() const { return state_->topics; }
Index ExactSampler::blocks() const { return state_->blocks; }

Kernel ExactSampler::kernel() const {
  return std::visit([](const auto& rows) { return std::decay_t<decltype(rows)>::kernel; },
                    state_->rows);
}

Index ExactSampler::bytes() const {
  const exact::State& s = *state_;
  Index sum = s.z.bytes() + s.row.bytes() + s.kept.bytes() + bytes_of(s.words) +
              bytes_of(s.document_row) + bytes_of(s.document_tokens) + bytes_of(s.place) +
              bytes_of(s.frozen) + bytes_of(s.totals);
  for (const auto& x : s.shared) sum += static_cast<Index>(sizeof x) + bytes_of(x.parts);
  return sum + std::visit([](const auto& rows) { return rows.cells.bytes(); }, s.rows);
}

}  // namespace gibbous::lda
