// SPDX-License-Identifier: Apache-2.0
// Where the fast sampler keeps the tokens of a corpus.
//
// Documents are cut into consecutive blocks of at most kBlockTokens tokens; within a block tokens
// are ordered by word, then by document. A block's states lie in the second cache while its
// documents are visited, and a word's tokens are one run a block, read forward only, when words
// are. Where a word's runs begin is not stored: a task of consecutive words knows where each block
// stands at its first word and moves forward from there.
#pragma once
#include <cstdint>
#include <vector>

#include "gibbous/ground/pages.hpp"
#include "gibbous/ground/parallel.hpp"
#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// Positions in a block take 16 bits, which with the state of 4 bytes and the runs is all that a
// token costs; 256 KB of states fit a second cache of 512 KB beside the buffers.
inline constexpr Index kBlockTokens = 65535;

// The run of a word in a block. A longer one is cut in two.
struct Run {
  std::uint16_t block;
  std::uint16_t count;
};

// A word with this many tokens is cut into parts for the balance of threads and of the caches.
inline constexpr Index kHeavyTokens = 65536;

struct Layout {
  Index documents = 0, vocabulary = 0, tokens = 0, blocks = 0;
  std::vector<Index64> document_tokens;   // (documents + 1,) canonical offsets of tokens
  std::vector<Index> block_documents;     // (blocks + 1,) first document of each block
  PageBuffer<std::uint16_t> position;     // (tokens,) canonical order: place within the block
  std::vector<Index64> word_tokens;       // (vocabulary + 1,) offsets of words in word order
  std::vector<Index64> word_runs;         // (vocabulary + 1,) offsets into runs
  PageBuffer<Run> runs;                   // words ascending, blocks ascending
  std::vector<Index> task_words;          // (tasks + 1,) first word of each task
  std::vector<std::uint32_t> task_start;  // (tasks, blocks) a block's place at the task's start

  Index block_begin(Index b) const {
    return document_tokens[static_cast<std::size_t>(block_documents[static_cast<std::size_t>(b)])];
  }
  Index tasks() const { return static_cast<Index>(task_words.size()) - 1; }
  // A document that is alone in its block may be longer than a block: it lies in canonical order.
  bool alone(Index b) const {
    const auto i = static_cast<std::size_t>(b);
    return block_documents[i + 1] - block_documents[i] == 1;
  }
  Index bytes() const;
};

// Throws std::length_error past 65,535 blocks, some 4.29 billion tokens. O(tokens), in parallel.
Layout build_layout(const Documents& documents, const Execution& run);

}  // namespace gibbous::lda
