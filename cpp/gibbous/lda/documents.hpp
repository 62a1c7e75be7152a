// SPDX-License-Identifier: Apache-2.0
// Latent Dirichlet allocation by collapsed Gibbs sampling (Blei, Ng and Jordan 2003; Griffiths and
// Steyvers 2004). A token of word w in document d is assigned topic k with
//
//   p(z = k | all other tokens) ~ (n_dk + alpha_k) (n_wk + beta_wk) / (n_k + sum_w beta_wk)
//
// where n_dk, n_wk and n_k count the other tokens. Two samplers share one interface: ExactSampler
// draws from that distribution; FastSampler takes Metropolis-Hastings steps towards it with counts
// that are frozen within a pass. Both are bit-identical for any number of threads.
#pragma once
#include <cstdint>
#include <vector>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/types.hpp"

namespace gibbous::lda {

// Topics: 16 bits hold the 65,535 topics that are allowed and halve the state of a token.
using Topic = std::uint16_t;
inline constexpr Index kMostTopics = 65535;

// Counts of tokens of one word in one document, and of one topic in one word or document: validated
// to be at most 2^31 - 1. Totals over the corpus are 64 bits.
using Count = std::int32_t;

// A bag of words in CSR form, owned by the caller. Words ascend within a document and occur once in
// it. The canonical order of tokens is: documents in order, words ascending, equal tokens adjacent.
struct Documents {
  const Index64* indptr;  // IN (n + 1,) offsets into words and counts
  const Index32* words;   // IN word ids in [0, vocabulary)
  const Count* counts;    // IN at least 1
  Index n;                // documents
  Index vocabulary;       // words
};

// Dirichlet priors. beta_wk = beta + the value stored for (w, k), in CSR form by words: the seeds
// of seeded topics.
struct Priors {
  const double* alpha;         // IN (topics,)
  double beta;                 // prior of every word in every topic
  const double* beta_sum;      // IN (topics,) sum over words of beta_wk
  const Index64* seed_indptr;  // IN (vocabulary + 1,) or null if no topic is seeded
  const Topic* seed_topics;    // IN ascending within a word
  const float* seed_values;    // IN increments of beta
};

// Word-topic or document-topic counts in CSR form, topics ascending.
struct Counts {
  std::vector<Index64> indptr;
  std::vector<Topic> topics;
  std::vector<Count> counts;
};

}  // namespace gibbous::lda
