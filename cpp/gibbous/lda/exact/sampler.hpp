// SPDX-License-Identifier: Apache-2.0
// The exact sampler: collapsed Gibbs sampling, which draws each token from its conditional given
// all other tokens (Griffiths and Steyvers, "Finding scientific topics", PNAS 2004).
//
// Parallel, with the same result for any number of threads (Yan, Xu and Qi, "Parallel inference for
// latent Dirichlet allocation on graphics processing units", NIPS 2009): documents and words are
// split into P by P blocks, where P depends on the corpus. The P blocks of a diagonal have no
// document and no word in common and are sampled at the same time. They share only the topic totals
// n_k, where each sees the changes of the others after the diagonal is done. A word with more than
// 1 / P of all tokens is shared by several blocks of a diagonal in the same way. With P = 1 nothing
// is shared, and the chain is exactly the Gibbs sampler.
#pragma once
#include <cstdint>
#include <memory>

#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// How a conditional is summed; both draw from the same distribution. dense: over all topics, from
// the full row of counts of a document. sparse: over the topics that occur in the document, plus
// the contribution of the prior from sums that are updated incrementally (Yao, Mimno and McCallum,
// KDD 2009, in part).
enum class Kernel { automatic, dense, sparse };

namespace exact {
struct State;
}

class ExactSampler {
 public:
  // Copies what it needs of `documents`. z: IN topics in canonical order. blocks: P, or 0 to choose
  // it from the corpus. May throw std::length_error if the corpus exceeds the index types.
  ExactSampler(const Documents& documents, Index topics, const Topic* z, const Execution& run,
               Kernel kernel = Kernel::automatic, Index blocks = 0);
  // Resumes from an existing state.
  explicit ExactSampler(std::unique_ptr<exact::State> state);
  ~ExactSampler();

  // Samples every token once: O(tokens * topics) dense, O(tokens * topics of a document) sparse.
  // Draws are addressed by (seed, iteration, token). If the monitor stops it, it throws and leaves
  // a consistent state, in which only some tokens have been sampled.
  void sweep(const Priors& priors, std::uint64_t seed, std::uint32_t iteration,
             const Execution& run);

  void topics(Topic* z, const Execution& run) const;  // OUT canonical order
  const Index64* totals() const;                      // (topics,) n_k
  Counts word_counts(const Execution& run) const;     // vocabulary rows

  Index tokens() const;
  Index topic_count() const;
  Index blocks() const;
  Kernel kernel() const;
  Index bytes() const;  // the state between sweeps

 private:
  std::unique_ptr<exact::State> state_;
};

}  // namespace gibbous::lda
