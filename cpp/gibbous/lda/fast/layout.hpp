// SPDX-License-Identifier: Apache-2.0
// How the fast sampler stores the tokens of a corpus.
//
// Documents are split into consecutive blocks of at most kBlockTokens tokens; within a block,
// tokens are sorted by word, then by document. The states of a block stay in the L2 cache during
// document passes, and in word passes the tokens of a word are one run per block, read forward
// only. The starts of the runs are not stored: a task of consecutive words has the position of each
// block at its first word and moves forward from there.
#pragma once
#include <cstdint>
#include <vector>

#include "gibbous/ground/pages.hpp"
#include "gibbous/ground/parallel.hpp"
#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// Positions in a block take 16 bits, which is all the memory per token along with the state of 4
// bytes and the runs. 256 KB of states fit an L2 cache of 512 KB together with the buffers.
inline constexpr Index kBlockTokens = 65535;

// The run of a word in a block. A longer one is split.
struct Run {
  std::uint16_t block;
  std::uint16_t count;
};

// A word with this many tokens is split into parts, to balance threads and to fit the caches.
inline constexpr Index kHeavyTokens = 65536;

struct Layout {
  Index documents = 0, vocabulary = 0, tokens = 0, blocks = 0;
  std::vector<Index64> document_tokens;   // (documents + 1,) canonical offsets of tokens
  std::vector<Index> block_documents;     // (blocks + 1,) first document of each block
  PageBuffer<std::uint16_t> position;     // (tokens,) canonical order: index within the block
  std::vector<Index64> word_tokens;       // (vocabulary + 1,) offsets of words in word order
  std::vector<Index64> word_runs;         // (vocabulary + 1,) offsets into runs
  PageBuffer<Run> runs;                   // words ascending, blocks ascending
  std::vector<Index> task_words;          // (tasks + 1,) first word of each task
  std::vector<std::uint32_t> task_start;  // (tasks, blocks) block positions at its start

  Index block_begin(Index b) const {
    return document_tokens[static_cast<std::size_t>(block_documents[static_cast<std::size_t>(b)])];
  }
  Index tasks() const { return static_cast<Index>(task_words.size()) - 1; }
  // A document that has its own block may be longer than a block: it is stored in canonical order.
  bool alone(Index b) const {
    const auto i = static_cast<std::size_t>(b);
    return block_documents[i + 1] - block_documents[i] == 1;
  }
  Index bytes() const;
};

// Throws std::length_error for more than 65,535 blocks, some 4.29 billion tokens. O(tokens),
// parallel.
Layout build_layout(const Documents& documents, const Execution& run);

}  // namespace gibbous::lda
