// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>

#include "bind/bind.hpp"
#include "bind/lda/arrays.hpp"
#include "gibbous/lda/counts.hpp"
#include "gibbous/lda/documents.hpp"
#include "gibbous/lda/fast/sampler.hpp"

namespace gibbous::bind {
namespace {

using lda::FastSampler;

std::unique_ptr<FastSampler> make_fast(const BoundDocuments& bound, Index n_words, Index n_topics,
                                       int proposals, const std::optional<Array<lda::Topic>>& z,
                                       std::uint64_t seed, int threads) {
  const lda::Documents documents = documents_of(bound, n_words);
  expect_topics(n_topics);
  expect(proposals == 1 || proposals == 3, "n_proposals must be 1 or 3");
  PythonMonitor monitor;
  if (z) expect_assignments(*z, documents, n_topics);
  const lda::Topic* start = z ? z->data() : nullptr;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  return std::make_unique<FastSampler>(documents, n_topics, proposals, start, seed,
                                       Execution{threads, &monitor});
}

void sweep(FastSampler& sampler, const Array<double>& alpha, double beta,
           const Array<double>& beta_sum, const Seeds& seeds, std::uint64_t seed,
           std::uint32_t iteration, int threads) {
  const lda::Priors priors = priors_of(alpha, beta, beta_sum, seeds, sampler.topic_count());
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  sampler.sweep(priors, seed, iteration, Execution{threads, &monitor});
}

void set_state(FastSampler& sampler, int word, const Array<std::uint32_t>& state) {
  expect(word >= 0 && word < sampler.state_words(), "no such array of the state");
  expect(state.size() == sampler.tokens(), "the state must have one entry a token");
  const std::uint32_t* s = state.data();
  const auto k = static_cast<std::uint32_t>(sampler.topic_count());
  const auto known = [k, word](std::uint32_t low, std::uint32_t high) {
    const auto proposal = [k](std::uint32_t p) { return p < k || p == 0xFFFF; };  // or to stay
    return (word == 0 ? low < k : proposal(low)) && proposal(high);
  };
  const bool ok =
      std::all_of(s, s + state.size(), [&](std::uint32_t x) { return known(x & 0xFFFF, x >> 16); });
  expect(ok, "the state holds a topic that does not exist");
  std::copy(s, s + state.size(), sampler.state(word));
}

py::array_t<std::uint32_t> get_state(FastSampler& sampler, int word) {
  expect(word >= 0 && word < sampler.state_words(), "no such array of the state");
  return py::array_t<std::uint32_t>(sampler.tokens(), sampler.state(word));  // a copy
}

py::array_t<lda::Topic> topics(const FastSampler& sampler, int threads) {
  py::array_t<lda::Topic> z(sampler.tokens());
  lda::Topic* out = z.mutable_data();
  PythonMonitor monitor;
  {
    const py::gil_scoped_release nogil;  // no other object has the array
    sampler.topics(out, Execution{threads, &monitor});
  }
  return z;
}

py::array_t<Index64> array_of(const std::vector<Index64>& v) {
  return py::array_t<Index64>(static_cast<py::ssize_t>(v.size()), v.data());
}

py::array_t<Index64> totals(const FastSampler& sampler, int threads) {
  PythonMonitor monitor;
  std::vector<Index64> n;
  {
    const py::gil_scoped_release nogil;  // the sampler is not modified
    n = sampler.totals(Execution{threads, &monitor});
  }
  return array_of(n);
}

py::array_t<Index64> frozen_totals(FastSampler& sampler) {
  return array_of(sampler.frozen_totals());
}

void set_frozen_totals(FastSampler& sampler, const Array<Index64>& totals) {
  expect(totals.size() == sampler.topic_count(), "totals must have one entry a topic");
  std::copy(totals.data(), totals.data() + totals.size(), sampler.frozen_totals().begin());
}

py::tuple word_counts(const FastSampler& sampler, int threads) {
  PythonMonitor monitor;
  lda::Counts counts;
  {
    const py::gil_scoped_release nogil;  // the sampler is not modified
    counts = sampler.word_counts(Execution{threads, &monitor});
  }
  return counts_out(counts);
}

const Index64* expect_offsets(const Array<Index64>& document_tokens, const Array<lda::Topic>& z,
                              Index n_topics) {
  expect_topics(n_topics);
  const Index n = document_tokens.size() - 1;
  const Index64* p = document_tokens.data();
  expect(n >= 0 && p[0] == 0 && p[n] == z.size(), "document_tokens must span z");
  for (Index d = 0; d < n; ++d) expect(p[d] <= p[d + 1], "document_tokens must not decrease");
  const lda::Topic* t = z.data();
  expect(std::all_of(t, t + z.size(), [&](lda::Topic k) { return k < n_topics; }),
         "z must hold topics below n_topics");
  return p;
}

py::tuple document_counts(const Array<Index64>& document_tokens, const Array<lda::Topic>& z,
                          Index n_topics, int threads) {
  const Index64* p = expect_offsets(document_tokens, z, n_topics);
  const Index n = document_tokens.size() - 1;
  const lda::Topic* t = z.data();
  PythonMonitor monitor;
  lda::Counts counts;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    counts = lda::document_counts(p, n, t, n_topics, Execution{threads, &monitor});
  }
  return counts_out(counts);
}

py::tuple document_histogram(const Array<Index64>& document_tokens, const Array<lda::Topic>& z,
                             Index n_topics, int threads) {
  const Index64* p = expect_offsets(document_tokens, z, n_topics);
  const Index n = document_tokens.size() - 1;
  const lda::Topic* t = z.data();
  PythonMonitor monitor;
  lda::TopicHistogram h;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    h = lda::document_histogram(p, n, t, n_topics, Execution{threads, &monitor});
  }
  const auto size = static_cast<py::ssize_t>(h.topics.size());
  return py::make_tuple(py::array_t<lda::Topic>(size, h.topics.data()),
                        py::array_t<lda::Count>(size, h.counts.data()), array_of(h.documents));
}

}  // namespace

void bind_lda_fast(py::module_& m) {
  m.def("document_counts", &document_counts, py::arg("document_tokens"), py::arg("z"),
        py::arg("n_topics"), py::arg("n_threads"), "Document-topic counts in compressed rows.");
  m.def("document_histogram", &document_histogram, py::arg("document_tokens"), py::arg("z"),
        py::arg("n_topics"), py::arg("n_threads"),
        "How many documents hold a topic how often: topics, counts, documents.");
  py::class_<FastSampler>(m, "FastSampler", py::module_local(),
                          "Metropolis-Hastings sampler of topics on delayed counts.")
      .def(py::init(&make_fast), py::arg("documents"), py::arg("n_words"), py::arg("n_topics"),
           py::arg("n_proposals"), py::arg("z"), py::arg("seed"), py::arg("n_threads"))
      .def("sweep", &sweep, py::arg("alpha"), py::arg("beta"), py::arg("beta_sum"),
           py::arg("seeds"), py::arg("seed"), py::arg("iteration"), py::arg("n_threads"))
      .def("topics", &topics, py::arg("n_threads"))
      .def("totals", &totals, py::arg("n_threads"))
      .def("word_counts", &word_counts, py::arg("n_threads"))
      .def("state", &get_state, py::arg("word"))
      .def("set_state", &set_state, py::arg("word"), py::arg("state"))
      .def("frozen_totals", &frozen_totals)
      .def("set_frozen_totals", &set_frozen_totals, py::arg("totals"))
      .def_property_readonly("state_words", &FastSampler::state_words)
      .def_property_readonly("tokens", &FastSampler::tokens)
      .def_property_readonly("topic_count", &FastSampler::topic_count)
      .def_property_readonly("bytes", &FastSampler::bytes);
}

}  // namespace gibbous::bind
