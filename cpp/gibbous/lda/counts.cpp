// SPDX-License-Identifier: Apache-2.0
#include "gibbous/lda/counts.hpp"

#include <algorithm>
#include <cstdint>

namespace gibbous::lda {

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// The topics of one document with their counts; `counts` is zero before and after.
struct Row {
  std::vector<Count> counts;
  std::vector<Topic> seen;

  explicit Row(Index topics) : counts(at(topics), 0) {}

  template <class Visit>
  void visit(const Topic* z, Index n, Visit&& visit) {
    seen.clear();
    for (Index i = 0; i < n; ++i)
      if (counts[z[i]]++ == 0) seen.push_back(z[i]);
    for (const Topic k : seen) {
      visit(k, counts[k]);
      counts[k] = 0;
    }
  }
};

constexpr Index kDocuments = 256;  // minimum number of documents per task

}  // namespace

Counts document_counts(const Index64* document_tokens, Index n, const Topic* z, Index topics,
                       const Execution& run) {
  const Index tasks = slots(n, kDocuments);
  std::vector<Counts> part(at(tasks));
  parallel_tasks(run, tasks, [&](Index s, const Worker& worker) {
    const Range range = slot_range(n, tasks, s);
    Counts& out = part[at(s)];
    std::vector<Count> counts(at(topics), 0);
    std::vector<Topic> seen;
    for (Index d = range.begin; d < range.end; ++d) {
      if (d % 1024 == 0) worker.checkpoint();
      seen.clear();
      for (Index64 i = document_tokens[d]; i < document_tokens[d + 1]; ++i)
        if (counts[z[i]]++ == 0) seen.push_back(z[i]);
      std::sort(seen.begin(), seen.end());
      for (const Topic k : seen) {
        out.topics.push_back(k);
        out.counts.push_back(counts[k]);
        counts[k] = 0;
      }
      out.indptr.push_back(static_cast<Index64>(out.topics.size()));
    }
  });
  Counts all;
  all.indptr.push_back(0);
  for (Counts& p : part) {
    const auto base = static_cast<Index64>(all.topics.size());
    for (const Index64 e : p.indptr) all.indptr.push_back(base + e);
    all.topics.insert(all.topics.end(), p.topics.begin(), p.topics.end());
    all.counts.insert(all.counts.end(), p.counts.begin(), p.counts.end());
    p = Counts();
  }
  return all;
}

TopicHistogram document_histogram(const Index64* document_tokens, Index n, const Topic* z,
                                  Index topics, const Execution& run) {
  // Most counts are small and use a table; the few others are listed and sorted.
  constexpr Count kSmall = 64;
  struct Mine {
    std::vector<Index64> table;
    std::vector<std::uint64_t> large;
    Row row;
    explicit Mine(Index k) : table(at(k * kSmall), 0), row(k) {}
  };
  const Index tasks = slots(n, kDocuments);
  std::vector<Mine> mine(at(std::max(run.threads, 1)), Mine(topics));
  parallel_tasks(run, tasks, [&](Index s, const Worker& worker) {
    Mine& m = mine[at(worker.index())];
    const Range range = slot_range(n, tasks, s);
    for (Index d = range.begin; d < range.end; ++d) {
      if (d % 1024 == 0) worker.checkpoint();
      m.row.visit(z + document_tokens[d], document_tokens[d + 1] - document_tokens[d],
                  [&](Topic k, Count c) {
                    if (c < kSmall)
                      ++m.table[at(k * kSmall + c)];
                    else
                      m.large.push_back(std::uint64_t{k} << 32 | static_cast<std::uint32_t>(c));
                  });
    }
  });
  for (std::size_t t = 1; t < mine.size(); ++t) {  // integers: the order of the sum does not matter
    for (std::size_t i = 0; i < mine[0].table.size(); ++i) mine[0].table[i] += mine[t].table[i];
    mine[0].large.insert(mine[0].large.end(), mine[t].large.begin(), mine[t].large.end());
  }
  auto& large = mine[0].large;
  std::sort(large.begin(), large.end());
  TopicHistogram out;
  const auto add = [&out](Topic k, Count c, Index64 documents) {
    out.topics.push_back(k);
    out.counts.push_back(c);
    out.documents.push_back(documents);
  };
  std::size_t next = 0;
  for (Index k = 0; k < topics; ++k) {
    for (Count c = 1; c < kSmall; ++c)
      if (const Index64 m = mine[0].table[at(k * kSmall + c)]) add(static_cast<Topic>(k), c, m);
    while (next < large.size() && static_cast<Index>(large[next] >> 32) == k) {
      const std::uint64_t same = large[next];
      Index64 m = 0;
      for (; next < large.size() && large[next] == same; ++next) ++m;
      add(static_cast<Topic>(k), static_cast<Count>(same & 0xFFFFFFFFu), m);
    }
  }
  return out;
}

}  // namespace gibbous::lda
