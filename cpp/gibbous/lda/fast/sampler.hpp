// SPDX-License-Identifier: Apache-2.0
// The fast sampler: Metropolis-Hastings steps on delayed counts, in passes over words and over
// documents (Chen, Li, Zhu and Chen, "WarpLDA: a cache efficient O(1) algorithm for latent
// Dirichlet allocation", VLDB 2016). No matrix of topics by words or by documents is stored.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "gibbous/lda/documents.hpp"
#include "gibbous/lda/fast/layout.hpp"

namespace gibbous::lda {

struct Tables;  // what a pass uses to accept and to propose
struct Scratch;
struct Unit;

class FastSampler {
 public:
  // Copies what it needs of `documents`. z: IN topics in canonical order, or null to draw them
  // uniformly with `seed`. proposals: Metropolis-Hastings steps per token and pass, 1 or 3.
  FastSampler(const Documents& documents, Index topics, int proposals, const Topic* z,
              std::uint64_t seed, const Execution& run);
  ~FastSampler();

  // A word pass and a document pass over all tokens: O(tokens). Draws are addressed by (seed,
  // iteration, token), so that results are bit-identical for any number of threads. If the monitor
  // stops it, it throws and leaves every token with a topic, but not the state of a complete sweep.
  void sweep(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
             const Execution& run);

  void topics(Topic* z, const Execution& run) const;        // OUT canonical order
  std::vector<Index64> totals(const Execution& run) const;  // (topics,) n_k
  Counts word_counts(const Execution& run) const;

  // The full state, to resume later: state_words() arrays of tokens() states in the order of the
  // layout, and the totals that the next pass uses.
  int state_words() const { return proposals_ == 1 ? 1 : 2; }
  std::uint32_t* state(int word) { return word == 0 ? a_.data() : b_.data(); }
  std::vector<Index64>& frozen_totals() { return frozen_; }

  Index tokens() const { return layout_.tokens; }
  Index topic_count() const { return topics_; }
  Index bytes() const;

 private:
  template <int M>
  void word_pass(const Tables& tables, const Priors& priors, std::uint64_t seed,
                 std::uint32_t iteration, const Execution& run, std::vector<Scratch>& scratch);
  template <int M>
  void heavy_words(const Tables& tables, const Priors& priors, std::uint64_t seed,
                   std::uint32_t iteration, const Execution& run, std::vector<Scratch>& scratch);
  template <int M>
  void document_pass(const Tables& tables, std::uint64_t seed, std::uint32_t iteration,
                     const Execution& run, std::vector<Scratch>& scratch);
  template <int M>
  void both_passes(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
                   const Execution& run);
  void find_heavy_words();

  struct Piece {
    std::uint32_t place;
    std::uint32_t count;
  };
  // A part of a very frequent word: some of its pieces.
  struct Part {
    Index heavy;          // which of heavy_
    Index begin, end;     // pieces
    std::uint64_t first;  // address of its first token
  };

  template <int M>
  Unit bring(const Part& part, Scratch& mine);

  Index topics_;
  int proposals_;
  Layout layout_;
  PageBuffer<std::uint32_t> a_, b_;
  std::vector<Index64> frozen_;  // (topics,) totals that the next pass uses
  std::vector<Index> heavy_;     // words
  std::vector<Piece> pieces_;
  std::vector<Part> parts_;
};

}  // namespace gibbous::lda
