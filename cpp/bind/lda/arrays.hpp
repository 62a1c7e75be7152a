// SPDX-License-Identifier: Apache-2.0
// Shared by the bindings of the topic samplers: corpora, priors and counts.
#pragma once
#include <algorithm>
#include <optional>
#include <tuple>

#include "bind/bind.hpp"
#include "gibbous/lda/documents.hpp"

namespace gibbous::bind {

// Priors of single words in single topics, in CSR form by words; None for none.
using Seeds = std::optional<std::tuple<Array<Index64>, Array<lda::Topic>, Array<float>>>;

inline void expect_topics(Index n_topics) {
  expect(n_topics >= 1 && n_topics <= lda::kMostTopics, "n_topics must be between 1 and 65535");
}

// Bags of words in CSR form, and topic-word distributions as sparse values over a floor, in the
// arrays of the caller. Their contents are checked by the functions that read them.
struct BoundDocuments {
  Array<Index64> indptr;
  Array<Index32> words;
  Array<lda::Count> counts;
};
struct BoundTopics {
  Array<Index64> indptr;
  Array<lda::Topic> topics;
  Array<float> values, floor;
};

// The documents that a sampler visits.
inline lda::Documents documents_of(const BoundDocuments& bound, Index n_words) {
  const Array<Index64>& indptr = bound.indptr;
  const Array<Index32>& indices = bound.words;
  const Array<lda::Count>& counts = bound.counts;
  expect(indptr.ndim() == 1 && indptr.size() >= 1, "indptr must have one entry a document and one");
  expect(indices.size() == counts.size(), "indices and counts must have equal sizes");
  const Index n = indptr.size() - 1;
  const Index64* p = indptr.data();
  expect(p[0] == 0 && p[n] == indices.size(), "indptr must begin at 0 and end with indices");
  for (Index d = 0; d < n; ++d) expect(p[d] <= p[d + 1], "indptr must not decrease");
  const Index32* w = indices.data();
  const lda::Count* c = counts.data();
  for (Index d = 0; d < n; ++d)
    for (Index64 e = p[d]; e < p[d + 1]; ++e)
      expect(w[e] >= (e > p[d] ? w[e - 1] + 1 : 0) && w[e] < n_words && c[e] >= 1,
             "indices must ascend within a document and lie within n_words, counts be at least 1");
  return {p, w, c, n, n_words};
}

inline void expect_assignments(const Array<lda::Topic>& z, const lda::Documents& documents,
                               Index n_topics) {
  Index64 tokens = 0;
  for (Index64 e = 0; e < documents.indptr[documents.n]; ++e) tokens += documents.counts[e];
  expect(z.size() == tokens, "z must have one topic a token");
  const lda::Topic* t = z.data();
  expect(std::all_of(t, t + z.size(), [&](lda::Topic k) { return k < n_topics; }),
         "z must hold topics below n_topics");
}

inline lda::Priors priors_of(const Array<double>& alpha, double beta, const Array<double>& beta_sum,
                             const Seeds& seeds, Index n_topics) {
  expect(alpha.size() == n_topics && beta_sum.size() == n_topics,
         "alpha and beta_sum must have one entry a topic");
  lda::Priors priors{alpha.data(), beta, beta_sum.data(), nullptr, nullptr, nullptr};
  if (seeds) {
    const auto& [indptr, topics, values] = *seeds;
    expect(topics.size() == values.size(), "seeds must have one value a topic");
    priors.seed_indptr = indptr.data();
    priors.seed_topics = topics.data();
    priors.seed_values = values.data();
  }
  return priors;
}

// (indptr, topics, counts) as arrays.
inline py::tuple counts_out(const lda::Counts& c) {
  const auto size = [](const auto& v) { return static_cast<py::ssize_t>(v.size()); };
  return py::make_tuple(py::array_t<Index64>(size(c.indptr), c.indptr.data()),
                        py::array_t<lda::Topic>(size(c.topics), c.topics.data()),
                        py::array_t<lda::Count>(size(c.counts), c.counts.data()));
}

}  // namespace gibbous::bind
