// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "gibbous/lda/exact/state.hpp"

namespace gibbous::lda::exact {

namespace {

// Below this size, a single block keeps the chain exact and costs at most a few milliseconds.
constexpr Index kSerialTokens = 50000;
// Minimum number of tokens per block. Smaller blocks spread over more threads and fit into smaller
// caches, but every block loads the rows of its words again. With 10 M tokens and 100,000 words on
// one thread, dense with 100 topics ran 11.3 Mtok/s in one block, 10.3 in 8 by 8, 9.4 in 16 by 16
// and 8.1 in 32 by 32; sparse with 1000 topics 2.8, 3.5 and 3.0 in 1, 8 by 8 and 16 by 16.
constexpr Index kBlockTokens = 32768;
constexpr Index kMostBlocks = 64;
// Up to this number of topics, summing all of them is faster than gathering those of the document.
// On 20 Newsgroups, with 50 topics in the document of a token and 8 lanes, dense ran 10.7 and
// sparse 7.2 Mtok/s for 100 topics, 8.0 and 7.4 for 200, and 5.9 and 6.1 for 400.
constexpr Index kDenseTopics = 256;
// Items between two checkpoints: under a millisecond.
constexpr Index kStride = 16384;

Index choose_blocks(const State& s, Index wanted) {
  const auto limit = static_cast<Index>(
      std::sqrt(static_cast<double>(s.tokens) / static_cast<double>(kBlockTokens)));
  Index p = wanted > 0 ? wanted : std::min(limit, kMostBlocks);
  // keeps the table of tokens by (document group, word) smaller than the corpus
  if (wanted == 0) p = std::min(p, s.tokens / std::max<Index>(s.vocabulary, 1));
  if (wanted == 0 && s.tokens < kSerialTokens) p = 1;
  if (wanted == 0 && p > 4) p -= p % 4;  // keeps 2 or 4 threads busy to the end of a diagonal
  return std::clamp<Index>(p, 1, std::max<Index>(s.documents, 1));
}

// Groups of consecutive documents with about equal numbers of tokens.
void cut_documents(State& s) {
  s.group_documents.assign(at(s.blocks + 1), s.documents);
  Index d = 0;
  for (Index g = 0; g < s.blocks; ++g) {
    const double quota = static_cast<double>(s.tokens) / static_cast<double>(s.blocks);
    while (d < s.documents &&
           static_cast<double>(s.document_tokens[at(d)]) < quota * static_cast<double>(g))
      ++d;
    s.group_documents[at(g)] = d;
  }
}

void count_documents(const Documents& in, const Execution& run, State& s) {
  s.document_tokens.assign(at(in.n + 1), 0);
  const Index tasks = slots(in.n, 4096);
  parallel_tasks(run, tasks, [&](Index t, const Worker&) {
    const Range range = slot_range(in.n, tasks, t);
    for (Index d = range.begin; d < range.end; ++d) {
      Index64 sum = 0;
      for (Index64 e = in.indptr[d]; e < in.indptr[d + 1]; ++e) sum += in.counts[e];
      s.document_tokens[at(d + 1)] = sum;
    }
  });
  std::partial_sum(s.document_tokens.begin(), s.document_tokens.end(), s.document_tokens.begin());
  s.tokens = s.document_tokens.back();
}

// The narrowest cells that can count the tokens of the longest document.
AnyRows choose_rows(const State& s, Kernel kernel) {
  Index64 longest = 0;
  for (Index d = 0; d < s.documents; ++d)
    longest = std::max(longest, s.document_tokens[at(d + 1)] - s.document_tokens[at(d)]);
  const bool dense =
      kernel == Kernel::dense || (kernel == Kernel::automatic && s.topics <= kDenseTopics);
  if (dense) {
    if (longest <= std::numeric_limits<std::uint16_t>::max()) {
      DenseRows<std::uint16_t> rows;
      rows.stride = s.stride();
      return rows;
    }
    DenseRows<std::uint32_t> rows;
    rows.stride = s.stride();
    return rows;
  }
  int bits = 1;
  while ((Index{1} << bits) < s.topics) ++bits;
  if (longest < Index64{1} << (32 - bits)) {
    SparseRows<std::uint32_t> rows;
    rows.most = s.topics;
    rows.bits = bits;
    return rows;
  }
  SparseRows<std::uint64_t> rows;
  rows.most = s.topics;
  rows.bits = 16;
  return rows;
}

template <class Rows>
void place_rows(Rows& rows, State& s) {
  s.document_row.resize(at(s.documents + 1));
  Index next = 0;
  for (Index d = 0; d <= s.documents; ++d) {
    if (next > std::numeric_limits<Row>::max())
      throw std::length_error("the corpus has more topic counts of documents than 2^32 rows hold");
    s.document_row[at(d)] = static_cast<Row>(next);
    if (d < s.documents)
      next += rows.steps(s.document_tokens[at(d + 1)] - s.document_tokens[at(d)]);
  }
  rows.allocate(next);
}

// n_dk of every document, and n_k.
template <class Rows>
void fill_rows(Rows& rows, const Topic* z, const Execution& run, State& s) {
  const Index tasks = slots(s.documents, 256);
  std::vector<Index64> partial(at(tasks * s.topics), 0);
  parallel_tasks(run, tasks, [&](Index t, const Worker& worker) {
    const Range range = slot_range(s.documents, tasks, t);
    std::vector<Count> counts(at(s.topics), 0);
    Index64* totals = partial.data() + t * s.topics;
    Index64 done = 0;
    for (Index d = range.begin; d < range.end; ++d) {
      const Index64 begin = s.document_tokens[at(d)], end = s.document_tokens[at(d + 1)];
      rows.fill(s.document_row[at(d)], z + begin, end - begin, counts.data());
      for (Index64 i = begin; i < end; ++i) ++totals[z[i]];
      done += end - begin + 64;
      if (done >= kStride) {
        done = 0;
        worker.checkpoint();
      }
    }
  });
  s.totals.assign(at(s.topics), 0);
  for (Index t = 0; t < tasks; ++t)
    for (Index k = 0; k < s.topics; ++k) s.totals[at(k)] += partial[at(t * s.topics + k)];
}

// Tokens of every word in every document group: (blocks, vocabulary).
std::vector<Index64> count_words(const Documents& in, const Execution& run, const State& s) {
  std::vector<Index64> table(at(s.blocks * s.vocabulary), 0);
  parallel_tasks(run, s.blocks, [&](Index g, const Worker& worker) {
    Index64* count = table.data() + g * s.vocabulary;
    Index64 e = in.indptr[s.group_documents[at(g)]];
    const Index64 end = in.indptr[s.group_documents[at(g + 1)]];
    while (e < end) {
      for (const Index64 stop = std::min<Index64>(end, e + kStride); e < stop; ++e)
        count[in.words[e]] += in.counts[e];
      worker.checkpoint();
    }
  });
  return table;
}

// A word or a part of one, before it is assigned to a group.
struct Piece {
  Index64 tokens;
  Index32 id;
  Index32 part;  // -1: the whole word
};

std::vector<Piece> cut_words(const std::vector<Index64>& frequency, State& s) {
  std::vector<Piece> pieces;
  for (Index w = 0; w < s.vocabulary; ++w) {
    const Index64 f = frequency[at(w)];
    if (f == 0) continue;
    const auto id = static_cast<Index32>(w);
    const Index64 fair = s.tokens / s.blocks;
    if (s.blocks == 1 || f <= fair) {
      pieces.push_back({f, id, -1});
      continue;
    }
    // with halves of a fair share, the small words suffice to balance the groups
    const Index parts = std::min<Index>(s.blocks, 2 * f / fair + 1);
    s.shared.push_back({id, -1, std::vector<Index32>(at(parts))});
    for (Index j = 0; j < parts; ++j) pieces.push_back({f / parts, id, static_cast<Index32>(j)});
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.tokens > b.tokens; });
  return pieces;
}

// Greedy: largest first into the group with the fewest tokens, parts of one word into different
// groups.
std::vector<std::vector<Piece>> group_words(const std::vector<Piece>& pieces, const State& s) {
  std::vector<std::vector<Piece>> groups(at(s.blocks));
  std::vector<Index64> load(at(s.blocks), 0);
  for (const Piece& piece : pieces) {
    Index best = -1;
    for (Index h = 0; h < s.blocks; ++h) {
      const auto& group = groups[at(h)];
      const bool has =
          piece.part >= 0 &&
          std::any_of(group.begin(), group.end(), [&](const Piece& p) { return p.id == piece.id; });
      if (!has && (best < 0 || load[at(h)] < load[at(best)])) best = h;
    }
    groups[at(best)].push_back(piece);
    load[at(best)] += piece.tokens;
  }
  return groups;
}

Index find_shared(const State& s, Index32 id) {
  const auto it = std::lower_bound(s.shared.begin(), s.shared.end(), id,
                                   [](const Shared& x, Index32 w) { return x.id < w; });
  return it - s.shared.begin();
}

void place_words(const std::vector<std::vector<Piece>>& groups, const std::vector<Index64>& table,
                 const std::vector<Index64>& frequency, State& s) {
  s.place.assign(at(s.vocabulary), -1);
  s.group_words = {0};
  Index64 begin = 0;
  Index32 kept = 0;
  for (Shared& x : s.shared) x.kept = kept++;
  for (const auto& group : groups) {
    for (const Piece& piece : group) {
      const auto v = static_cast<Index32>(s.words.size());
      Word word{begin, begin, piece.id, -1};
      if (piece.part < 0) {
        s.place[at(piece.id)] = v;
        begin += frequency[at(piece.id)];
        if (frequency[at(piece.id)] >= s.stride()) word.kept = kept++;
      } else {
        const Index x = find_shared(s, piece.id);
        Shared& shared = s.shared[at(x)];
        s.place[at(piece.id)] = static_cast<Index32>(-2 - x);
        shared.parts[at(piece.part)] = v;
        word.kept = shared.kept;
        const auto parts = static_cast<Index>(shared.parts.size());
        for (Index g = 0; g < s.blocks; ++g)
          begin += part_tokens(table[at(g * s.vocabulary + piece.id)], parts, piece.part);
      }
      s.words.push_back(word);
    }
    s.group_words.push_back(static_cast<Index>(s.words.size()));
  }
  s.words.push_back({begin, begin, -1, -1});
  s.kept = PageBuffer<Count>(kept * s.stride());
  std::fill(s.kept.data(), s.kept.data() + s.kept.size(), 0);
}

// Converts the table of counts to offsets: where the tokens of a word in a document group are
// stored.
void table_of_places(const Execution& run, const State& s, std::vector<Index64>& table) {
  const Index tasks = slots(s.vocabulary, 1024);
  parallel_tasks(run, tasks, [&](Index t, const Worker&) {
    const Range range = slot_range(s.vocabulary, tasks, t);
    for (Index w = range.begin; w < range.end; ++w) {
      if (s.place[at(w)] < 0) continue;
      Index64 next = s.words[at(s.place[at(w)])].begin;
      for (Index g = 0; g < s.blocks; ++g) {
        const Index64 n = table[at(g * s.vocabulary + w)];
        table[at(g * s.vocabulary + w)] = next;
        next += n;
      }
    }
  });
}

void scatter_tokens(const Documents& in, const Topic* z, const Execution& run,
                    std::vector<Index64>& table, State& s) {
  s.z = PageBuffer<Topic>(s.tokens + kSlack);
  s.row = PageBuffer<Row>(s.tokens + kSlack);
  std::fill(s.z.data() + s.tokens, s.z.data() + s.tokens + kSlack, Topic{0});
  std::fill(s.row.data() + s.tokens, s.row.data() + s.tokens + kSlack, Row{0});
  parallel_tasks(run, s.blocks, [&](Index g, const Worker& worker) {
    std::vector<SharedPlaces> shared;
    for (const Shared& x : s.shared) shared.emplace_back(s, x, table, g);
    Index64* next = table.data() + g * s.vocabulary;
    Index64 done = 0;
    for (Index d = s.group_documents[at(g)]; d < s.group_documents[at(g + 1)]; ++d) {
      const Topic* topic = z + s.document_tokens[at(d)];
      for (Index64 e = in.indptr[d]; e < in.indptr[d + 1]; ++e) {
        const Index32 w = in.words[e], place = s.place[at(w)];
        for (Count c = 0; c < in.counts[e]; ++c) {
          const Index64 i = place >= 0 ? next[w]++ : shared[at(-2 - place)]();
          s.z[i] = *topic++;
          s.row[i] = s.document_row[at(d)];
          if (++done >= kStride) {
            done = 0;
            worker.checkpoint();
          }
        }
      }
    }
  });
}

void fill_kept(const Execution& run, State& s) {
  std::vector<Index> owners;  // words with stored counts; the parts of a shared word add to one row
  for (Index v = 0; v + 1 < static_cast<Index>(s.words.size()); ++v)
    if (s.words[at(v)].kept >= static_cast<Index32>(s.shared.size())) owners.push_back(v);
  const auto add = [&](Index v, const Worker& worker) {
    Count* counts = s.kept_row(s.words[at(v)].kept);
    Index64 i = s.words[at(v)].begin;
    while (i < s.words[at(v + 1)].begin) {
      const Index64 stop = std::min<Index64>(s.words[at(v + 1)].begin, i + kStride);
      for (; i < stop; ++i) ++counts[s.z[i]];
      worker.checkpoint();
    }
  };
  const Index tasks = slots(static_cast<Index>(owners.size()), 4);
  parallel_tasks(run, tasks, [&](Index t, const Worker& worker) {
    const Range range = slot_range(static_cast<Index>(owners.size()), tasks, t);
    for (Index o = range.begin; o < range.end; ++o) add(owners[at(o)], worker);
  });
  parallel_tasks(run, static_cast<Index>(s.shared.size()), [&](Index x, const Worker& worker) {
    for (const Index32 v : s.shared[at(x)].parts) add(v, worker);
  });
}

}  // namespace

std::vector<Index64> lay_out(const Documents& in, Index topics, Kernel kernel, Index blocks,
                             const Execution& run, State& s) {
  s.documents = in.n;
  s.vocabulary = in.vocabulary;
  s.topics = topics;
  count_documents(in, run, s);
  s.blocks = choose_blocks(s, blocks);
  cut_documents(s);
  s.rows = choose_rows(s, kernel);
  std::visit([&](auto& rows) { place_rows(rows, s); }, s.rows);
  std::vector<Index64> table = count_words(in, run, s);
  std::vector<Index64> frequency(at(s.vocabulary), 0);
  for (Index g = 0; g < s.blocks; ++g)
    for (Index w = 0; w < s.vocabulary; ++w) frequency[at(w)] += table[at(g * s.vocabulary + w)];
  const std::vector<Piece> pieces = cut_words(frequency, s);
  place_words(group_words(pieces, s), table, frequency, s);
  table_of_places(run, s, table);
  return table;
}

std::unique_ptr<State> build(const Documents& in, Index topics, const Topic* z, Kernel kernel,
                             Index blocks, const Execution& run) {
  auto state = std::make_unique<State>();
  State& s = *state;
  std::vector<Index64> table = lay_out(in, topics, kernel, blocks, run, s);
  std::visit([&](auto& rows) { fill_rows(rows, z, run, s); }, s.rows);
  scatter_tokens(in, z, run, table, s);
  fill_kept(run, s);
  s.frozen.assign(s.shared.size() * at(s.stride()), 0);
  return state;
}

}  // namespace gibbous::lda::exact
