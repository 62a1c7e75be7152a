// SPDX-License-Identifier: Apache-2.0
#include "gibbous/lda/fast/layout.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

namespace gibbous::lda {

namespace {

// Tokens of consecutive words per task: the smallest number that hides its overhead, until there
// are many tasks.
constexpr Index kTaskTokens = 131072, kMostTasks = 1024;
constexpr Index kMostBlocks = 65535;
constexpr Index64 kMostTokens = 0xFFFF0000;  // indices of tokens take 32 bits
constexpr int kDigit = 11;                   // bits per round of the radix sort

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

void count_documents(const Documents& in, const Execution& run, Layout& out) {
  out.document_tokens.assign(at(in.n + 1), 0);
  const Index tasks = slots(in.n, 4096);
  parallel_tasks(run, tasks, [&](Index s, const Worker&) {
    const Range range = slot_range(in.n, tasks, s);
    for (Index d = range.begin; d < range.end; ++d) {
      Index64 sum = 0;
      for (Index64 e = in.indptr[d]; e < in.indptr[d + 1]; ++e) sum += in.counts[e];
      out.document_tokens[at(d + 1)] = sum;
    }
  });
  for (Index d = 0; d < in.n; ++d) out.document_tokens[at(d + 1)] += out.document_tokens[at(d)];
  out.tokens = out.document_tokens.back();
}

// A document longer than a block has a block of its own.
void cut_blocks(Layout& out) {
  out.block_documents = {0};
  const auto& tokens = out.document_tokens;
  for (Index d = 0; d < out.documents; ++d) {
    const Index begin = out.block_documents.back();
    const bool full = tokens[at(d + 1)] - tokens[at(begin)] > kBlockTokens;
    if (full && d > begin) out.block_documents.push_back(d);
  }
  if (out.documents) out.block_documents.push_back(out.documents);
  out.blocks = static_cast<Index>(out.block_documents.size()) - 1;
  if (out.blocks > kMostBlocks || out.tokens > kMostTokens)
    throw std::length_error("the fast sampler takes no more than 4.29 billion tokens");
}

struct Entry {
  std::uint32_t word, count;
  Index64 first;  // its first token, relative to the block
};
struct BlockRun {
  std::uint32_t word, count;
};

void sort_by_word(std::vector<Entry>& entries, std::vector<Entry>& other, Index vocabulary) {
  other.resize(entries.size());
  for (int shift = 0; (vocabulary - 1) >> shift > 0; shift += kDigit) {
    std::array<std::uint32_t, 1 << kDigit> place{};
    constexpr std::uint32_t mask = (1u << kDigit) - 1;
    for (const Entry& e : entries) ++place[(e.word >> shift) & mask];
    std::uint32_t sum = 0;
    for (std::uint32_t& p : place) {
      const std::uint32_t n = p;
      p = sum;
      sum += n;
    }
    for (const Entry& e : entries) other[place[(e.word >> shift) & mask]++] = e;
    entries.swap(other);
  }
}

struct SortScratch {
  std::vector<Entry> entries, other;
};

// Orders the tokens of block b by word; returns its runs.
std::vector<BlockRun> sort_block(const Documents& in, Index b, SortScratch& scratch, Layout& out) {
  const Index first = out.block_documents[at(b)], last = out.block_documents[at(b + 1)];
  const Index64 base = out.document_tokens[at(first)];
  auto& entries = scratch.entries;
  entries.clear();
  Index64 token = 0;
  for (Index64 e = in.indptr[first]; e < in.indptr[last]; ++e) {
    entries.push_back(
        {static_cast<std::uint32_t>(in.words[e]), static_cast<std::uint32_t>(in.counts[e]), token});
    token += in.counts[e];
  }
  std::vector<BlockRun> runs;
  if (!out.alone(b)) {
    sort_by_word(entries, scratch.other, out.vocabulary);
    std::uint16_t place = 0;
    for (const Entry& e : entries)
      for (std::uint32_t j = 0; j < e.count; ++j) out.position[base + e.first + j] = place++;
  }
  for (const Entry& e : entries) {
    if (runs.empty() || runs.back().word != e.word)
      runs.push_back({e.word, e.count});
    else
      runs.back().count += e.count;
  }
  runs.shrink_to_fit();
  return runs;
}

using BlockRuns = std::vector<std::vector<BlockRun>>;

// Calls visit(block, run) for the runs of words [range.begin, range.end), blocks ascending.
template <class Visit>
void visit_words(const BlockRuns& lists, Range range, Visit&& visit) {
  for (std::size_t b = 0; b < lists.size(); ++b) {
    const auto& list = lists[b];
    auto it = std::lower_bound(list.begin(), list.end(), range.begin,
                               [](const BlockRun& r, Index w) { return r.word < w; });
    for (; it != list.end() && static_cast<Index>(it->word) < range.end; ++it)
      visit(static_cast<Index>(b), *it);
  }
}

constexpr std::uint32_t kLongestRun = std::numeric_limits<std::uint16_t>::max();

void order_words(const BlockRuns& lists, const Execution& run, Layout& out) {
  const Index v = out.vocabulary, tasks = slots(v, 64);
  out.word_tokens.assign(at(v + 1), 0);
  out.word_runs.assign(at(v + 1), 0);
  parallel_tasks(run, tasks, [&](Index s, const Worker&) {
    visit_words(lists, slot_range(v, tasks, s), [&](Index, const BlockRun& r) {
      out.word_tokens[r.word + 1] += r.count;
      out.word_runs[r.word + 1] += (r.count + kLongestRun - 1) / kLongestRun;
    });
  });
  for (Index w = 0; w < v; ++w) {
    out.word_tokens[at(w + 1)] += out.word_tokens[at(w)];
    out.word_runs[at(w + 1)] += out.word_runs[at(w)];
  }
  out.runs = PageBuffer<Run>(out.word_runs.back());
  parallel_tasks(run, tasks, [&](Index s, const Worker&) {
    const Range range = slot_range(v, tasks, s);
    std::vector<Index64> next(out.word_runs.begin() + range.begin,
                              out.word_runs.begin() + range.end);
    visit_words(lists, range, [&](Index b, const BlockRun& r) {
      Index64& n = next[at(static_cast<Index>(r.word) - range.begin)];
      for (std::uint32_t left = r.count; left > 0;) {
        const std::uint32_t count = std::min(left, kLongestRun);
        out.runs[n++] = {static_cast<std::uint16_t>(b), static_cast<std::uint16_t>(count)};
        left -= count;
      }
    });
  });
}

void cut_tasks(const BlockRuns& lists, const Execution& run, Layout& out) {
  const Index64 most = std::max<Index64>(kTaskTokens, out.tokens / kMostTasks);
  out.task_words = {0};
  for (Index w = 0; w < out.vocabulary; ++w)
    if (out.word_tokens[at(w + 1)] - out.word_tokens[at(out.task_words.back())] >= most)
      out.task_words.push_back(w + 1);
  if (out.task_words.back() != out.vocabulary) out.task_words.push_back(out.vocabulary);
  out.task_start.assign(at(out.tasks() * out.blocks), 0);
  parallel_tasks(run, out.blocks, [&](Index b, const Worker&) {
    std::uint32_t place = 0;
    auto it = lists[at(b)].begin();
    for (Index t = 0; t < out.tasks(); ++t) {
      for (; it != lists[at(b)].end() && static_cast<Index>(it->word) < out.task_words[at(t)]; ++it)
        place += it->count;
      out.task_start[at(t * out.blocks + b)] = place;
    }
  });
}

}  // namespace

Index Layout::bytes() const {
  const auto of = [](const auto& v) { return static_cast<Index>(v.size() * sizeof(v[0])); };
  return position.bytes() + runs.bytes() + of(document_tokens) + of(block_documents) +
         of(word_tokens) + of(word_runs) + of(task_words) + of(task_start);
}

Layout build_layout(const Documents& in, const Execution& run) {
  Layout out;
  out.documents = in.n;
  out.vocabulary = in.vocabulary;
  count_documents(in, run, out);
  cut_blocks(out);
  out.position = PageBuffer<std::uint16_t>(out.tokens + 64);  // vectors are read past the end
  BlockRuns lists(at(out.blocks));
  std::vector<SortScratch> scratch(at(std::max(run.threads, 1)));
  parallel_tasks(run, out.blocks, [&](Index b, const Worker& worker) {
    lists[at(b)] = sort_block(in, b, scratch[static_cast<std::size_t>(worker.index())], out);
  });
  order_words(lists, run, out);
  cut_tasks(lists, run, out);
  return out;
}

}  // namespace gibbous::lda
