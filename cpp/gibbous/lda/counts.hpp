// SPDX-License-Identifier: Apache-2.0
// Counts of topics in documents from assignments in canonical order: the rows themselves, and the
// histogram of them that likelihoods and priors are computed from.
#pragma once
#include <vector>

#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// document_tokens (n + 1,): IN canonical offsets of the documents' tokens. z: IN their topics.
Counts document_counts(const Index64* document_tokens, Index n, const Topic* z, Index topics,
                       const Execution& run);

// How many documents hold topic k exactly c times, for c > 0; ascending in (k, c).
struct TopicHistogram {
  std::vector<Topic> topics;
  std::vector<Count> counts;
  std::vector<Index64> documents;
};
TopicHistogram document_histogram(const Index64* document_tokens, Index n, const Topic* z,
                                  Index topics, const Execution& run);

}  // namespace gibbous::lda
