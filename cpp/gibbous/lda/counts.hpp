// SPDX-License-Identifier: Apache-2.0
// Counts of topics in documents from assignments in canonical order: the rows themselves, and their
// histogram, from which likelihoods and priors are computed.
#pragma once
#include <vector>

#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// document_tokens (n + 1,): IN canonical token offsets of the documents. z: IN topics of the
// tokens.
Counts document_counts(const Index64* document_tokens, Index n, const Topic* z, Index topics,
                       const Execution& run);

// The number of documents with exactly c tokens of topic k, for c > 0; ascending in (k, c).
struct TopicHistogram {
  std::vector<Topic> topics;
  std::vector<Count> counts;
  std::vector<Index64> documents;
};
TopicHistogram document_histogram(const Index64* document_tokens, Index n, const Topic* z,
                                  Index topics, const Execution& run);

}  // namespace gibbous::lda
