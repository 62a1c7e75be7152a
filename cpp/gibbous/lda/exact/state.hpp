// SPDX-License-Identifier: Apache-2.0
// The state of the exact sampler between sweeps.
//
// Tokens are stored word by word, the words of a group consecutively, and within a word by
// document. A token consists of its topic and the number of the row of topic counts of its
// document. Words with many tokens store their topic counts; those of other words are recounted for
// every block, which is cheaper than storing them.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "gibbous/ground/pages.hpp"
#include "gibbous/ground/simd.hpp"
#include "gibbous/lda/exact/sampler.hpp"

namespace gibbous::lda::exact {

// Rows of document counts are addressed in steps of several cells, so that 32 bits are enough for
// any corpus that fits in memory.
using Row = std::uint32_t;

inline std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Topics rounded up to whole vectors of any width.
inline Index padded(Index topics) { return (topics + 15) / 16 * 16; }

// Vectors that are read beyond the end of a row.
inline constexpr Index kSlack = 32;

// n_dk of all topics. Cell: 16 bits if every document has few enough tokens.
template <class Cell_>
struct DenseRows {
  using Cell = Cell_;
  static constexpr Kernel kernel = Kernel::dense;
  PageBuffer<Cell> cells;
  Index stride = 0;  // cells per row

  Index steps(Index64) const { return 1; }  // row size of a document with so many tokens
  Cell* row(Row r) { return cells.data() + static_cast<Index>(r) * stride; }
  void allocate(Index rows) { cells = PageBuffer<Cell>(rows * stride + kSlack); }
  // z (n): IN topics of the document's tokens.
  void fill(Row r, const Topic* z, Index64 n, Count*) {
    Cell* c = row(r);
    std::fill(c, c + stride, Cell{0});
    for (Index64 i = 0; i < n; ++i) ++c[z[i]];
  }
};

// The topics of a document, ascending, each in one cell with its count, after a cell with the
// number of topics. A row has room for as many as the document can have. Sorted, so that a row
// depends on the topics alone, and a chain that resumes from saved topics is bit-identical.
template <class Cell_>
struct SparseRows {
  using Cell = Cell_;
  static constexpr Kernel kernel = Kernel::sparse;
  static constexpr Index step = 4;  // cells
  PageBuffer<Cell> cells;
  Index most = 0;  // topics
  int bits = 0;    // bits of a cell that hold the topic; the others hold the count

  Index steps(Index64 tokens) const {
    return (1 + std::min<Index64>(tokens, most) + step - 1) / step;
  }
  Cell* row(Row r) { return cells.data() + static_cast<Index>(r) * step; }
  void allocate(Index rows) {
    cells = PageBuffer<Cell>(rows * step + kSlack);
    std::fill(cells.data() + rows * step, cells.data() + rows * step + kSlack, Cell{0});
  }
  // z (n): IN topics of the document's tokens; counts (most): all 0 before and after.
  void fill(Row r, const Topic* z, Index64 n, Count* counts) {
    Cell* c = row(r);
    Cell* last = c;
    for (Index64 i = 0; i < n; ++i)
      if (counts[z[i]]++ == 0) *++last = static_cast<Cell>(z[i]);
    std::sort(c + 1, last + 1);
    c[0] = static_cast<Cell>(last - c);
    for (Cell* x = c + 1; x <= last; ++x) {
      Count& count = counts[*x];
      *x |= static_cast<Cell>(count) << bits;
      count = 0;
    }
    std::fill(last + 1, c + steps(n) * step, Cell{0});
  }
};

using AnyRows = std::variant<DenseRows<std::uint16_t>, DenseRows<std::uint32_t>,
                             SparseRows<std::uint32_t>, SparseRows<std::uint64_t>>;

// A word, or a part of one that several blocks of a diagonal share.
struct Word {
  Index64 begin;   // its tokens end where those of the next word begin
  Index64 cursor;  // where the tokens of the next document group begin
  Index32 id;
  Index32 kept;  // row of stored counts, or -1
};

// A word that was split into parts: tokens t of the n tokens of every document group with n * j /
// parts <= t < n * (j + 1) / parts are in part j.
struct Shared {
  Index32 id;
  Index32 kept;
  std::vector<Index32> parts;  // which of words
};

// The split of r tokens into `parts`: where part j begins.
inline Index64 part_begin(Index64 r, Index parts, Index j) {
  return r / parts * j + r % parts * j / parts;
}

inline Index64 part_tokens(Index64 n, Index parts, Index j) {
  return part_begin(n, parts, j + 1) - part_begin(n, parts, j);
}

struct State {
  Index documents = 0, vocabulary = 0, topics = 0, tokens = 0;
  Index blocks = 1;

  PageBuffer<Topic> z;                   // (tokens,)
  PageBuffer<Row> row;                   // (tokens,) of the token's document
  std::vector<Word> words;               // offsets by group, followed by the end
  std::vector<Index> group_words;        // (blocks + 1,) first word of each word group
  std::vector<Index> group_documents;    // (blocks + 1,) first document of each document group
  std::vector<Row> document_row;         // (documents + 1,)
  std::vector<Index64> document_tokens;  // (documents + 1,) offsets in canonical order
  AnyRows rows;

  PageBuffer<Count> kept;      // counts of the words that store them, padded(topics) each
  std::vector<Index32> place;  // (vocabulary,) which of words; -1: none; -2 - s: shared[s]
  std::vector<Shared> shared;
  std::vector<Count> frozen;    // (shared, padded(topics)) counts at the start of a diagonal
  std::vector<Index64> totals;  // (topics,)

  Index stride() const { return padded(topics); }
  Count* kept_row(Index32 r) { return kept.data() + r * stride(); }
  const Count* kept_row(Index32 r) const { return kept.data() + r * stride(); }
  // Rows of documents in group g are below row_limit(g); rows of later groups are not.
  Row row_limit(Index g) const { return document_row[at(group_documents[at(g + 1)])]; }
  // Tokens of word v that are in document group g.
  Range run_of(Index v, Index g) const {
    const Row* r = row.data();
    const Row* begin = r + words[at(v)].begin;
    const Row* end = r + words[at(v + 1)].begin;
    const Row* first = std::lower_bound(begin, end, document_row[at(group_documents[at(g)])]);
    return {first - r, std::lower_bound(first, end, row_limit(g)) - r};
  }
};

// Index of token t of a shared word in a document group, for t = 0, 1, ...
class SharedPlaces {
 public:
  SharedPlaces(const State& s, const Shared& x, const std::vector<Index64>& table, Index g)
      : n_(table[at(g * s.vocabulary + x.id)]), parts_(static_cast<Index>(x.parts.size())) {
    for (Index j = 0; j < parts_; ++j) {
      Index64 next = s.words[at(x.parts[at(j)])].begin;
      for (Index f = 0; f < g; ++f)
        next += part_tokens(table[at(f * s.vocabulary + x.id)], parts_, j);
      next_.push_back(next);
    }
  }
  Index64 next(Index part) const { return next_[at(part)]; }  // the next index of each part
  Index64 operator()() {
    while (t_ >= part_begin(n_, parts_, part_ + 1)) ++part_;
    ++t_;
    return next_[at(part_)]++;
  }

 private:
  Index64 n_, t_ = 0;
  Index parts_, part_ = 0;
  std::vector<Index64> next_;
};

// Splits documents and words into groups and assigns every word and document its offset: all of a
// state except its tokens, in time and memory that do not depend on their number, so that a test
// can lay out more of them than memory holds. Returns the offsets of the tokens of word w in
// document group g at g * vocabulary + w, or their number if groups share the word.
std::vector<Index64> lay_out(const Documents& in, Index topics, Kernel kernel, Index blocks,
                             const Execution& run, State& s);

std::unique_ptr<State> build(const Documents& in, Index topics, const Topic* z, Kernel kernel,
                             Index blocks, const Execution& run);

}  // namespace gibbous::lda::exact
