// SPDX-License-Identifier: Apache-2.0
// The exact sampler: collapsed Gibbs sampling, one token after another, each from its conditional
// given all other tokens (Griffiths and Steyvers, "Finding scientific topics", PNAS 2004).
//
// Parallel and the same for any number of threads (Yan, Xu and Qi, "Parallel inference for latent
// Dirichlet allocation on graphics processing units", NIPS 2009): documents and words are cut into
// P by P blocks, P a function of the corpus. The P blocks of a diagonal share no document and no
// word, so that they can be sampled at once; all they share are the topic totals n_k, and of those
// each sees the others' changes only when the diagonal is done. A word with more than 1 / P of all
// tokens is shared by several blocks of a diagonal in the same way. With P = 1 nothing is shared,
// and the chain is the Gibbs sampler to the letter.
#pragma once
#include <cstdint>
#include <memory>

#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// How a conditional is summed; both draw from the same distribution. dense: all topics, from a
// document's full row of counts. sparse: the topics that occur in the document, plus the prior's
// share from sums that are kept up to date (Yao, Mimno and McCallum, KDD 2009, in part).
enum class Kernel { automatic, dense, sparse };

namespace exact {
struct State;
}

class ExactSampler {
 public:
  // Copies what it needs of `documents`. z: IN topics in canonical order. blocks: P, or 0 for a
  // choice by the corpus. May throw std::length_error for a corpus beyond its index types.
  ExactSampler(const Documents& documents, Index topics, const Topic* z, const Execution& run,
               Kernel kernel = Kernel::automatic, Index blocks = 0);
  // Goes on from a state that was made elsewhere.
  explicit ExactSampler(std::unique_ptr<exact::State> state);
  ~ExactSampler();

  // Every token once: O(tokens * topics) dense, O(tokens * topics of a document) sparse. Draws are
  // addressed by (seed, iteration, token). Stopped by the monitor it throws, and leaves a state
  // that is whole: some tokens were sampled, the others stand where they stood.
  void sweep(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
             const Execution& run);

  void topics(Topic* z, const Execution& run) const;  // OUT canonical order
  const Index64* totals() const;                      // (topics,) n_k
  Counts word_counts(const Execution& run) const;     // vocabulary rows

  Index tokens() const;
  Index topic_count() const;
  Index blocks() const;
  Kernel kernel() const;
  Index bytes() const;  // of the state between sweeps

 private:
  std::unique_ptr<exact::State> state_;
};

}  // namespace gibbous::lda
