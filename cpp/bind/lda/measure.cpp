// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <string>
#include <tuple>

#include "bind/lda/arrays.hpp"
#include "gibbous/lda/measure/measures.hpp"

namespace gibbous::bind {
namespace {

using lda::Count;
using lda::Topic;

using SparseShares = std::tuple<Array<Index32>, Array<Topic>, Array<float>>;
using LeftToRightPlan = std::tuple<std::string, Index, Index, std::uint64_t>;

// Checks the offsets of n rows into arrays of `stored` entries; returns n.
Index rows_in(const Array<Index64>& indptr, Index stored, const char* what) {
  expect(indptr.ndim() == 1 && indptr.size() >= 1, what);
  const Index n = indptr.size() - 1;
  const Index64* p = indptr.data();
  expect(p[0] == 0 && p[n] == stored, what);
  for (Index i = 0; i < n; ++i) expect(p[i] <= p[i + 1], what);
  return n;
}

lda::TopicWord topics_of(const BoundTopics& bound) {
  const auto& [indptr, topics, values, floor] = bound;
  expect(topics.size() == values.size(), "topics must match values");
  const Index words = rows_in(indptr, values.size(), "indptr must be offsets into topics");
  const Index k = floor.size();
  expect(k >= 1 && k <= lda::kMostTopics, "floor must have one entry a topic");
  const Topic* t = topics.data();
  for (Index e = 0; e < topics.size(); ++e) expect(t[e] < k, "topics must lie below their number");
  return {indptr.data(), t, values.data(), floor.data(), words, k};
}

// The documents that a measure reads.
lda::Documents bags_of(const BoundDocuments& bound, Index vocabulary) {
  const auto& [indptr, words, counts] = bound;
  expect(words.size() == counts.size(), "words must match counts");
  const Index n = rows_in(indptr, words.size(), "doc_indptr must be offsets into words");
  const Index32* w = words.data();
  const Count* c = counts.data();
  for (Index e = 0; e < words.size(); ++e)
    expect(w[e] >= 0 && w[e] < vocabulary && c[e] >= 0,
           "words must lie within the vocabulary and counts not be negative");
  return {indptr.data(), w, c, n, vocabulary};
}

const double* alpha_of(const Array<double>& alpha, Index k) {
  expect(alpha.size() == k, "alpha must have one entry a topic");
  for (Index i = 0; i < k; ++i) expect(alpha.data()[i] > 0, "alpha must be positive");
  return alpha.data();
}

template <class T>
void bind_theta(py::module_& m) {
  m.def(
      "fold_in",
      [](const BoundDocuments& documents, const BoundTopics& topics, const Array<double>& alpha,
         int max_iter, double tolerance, Array<T>& theta, int threads) {
        const lda::TopicWord phi = topics_of(topics);
        const lda::Documents docs = bags_of(documents, phi.words);
        const double* a = alpha_of(alpha, phi.k);
        T* out =
            out_of(theta, docs.n * phi.k, "theta must have a row a document, a column a topic");
        expect(max_iter >= 1, "max_iter must be at least 1");
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        return lda::fold_in(Execution{threads, &monitor}, docs, phi, a, {max_iter, tolerance}, out);
      },
      py::arg("documents"), py::arg("topics"), py::arg("alpha").noconvert(), py::arg("max_iter"),
      py::arg("tolerance"), py::arg("theta").noconvert(), py::arg("threads"),
      "Topics of documents for given phi; returns how many documents stopped at max_iter.");
  m.def(
      "log_predictive",
      [](const BoundDocuments& documents, const BoundTopics& topics, const Array<T>& theta,
         Array<double>& log_p, int threads) {
        const lda::TopicWord phi = topics_of(topics);
        const lda::Documents docs = bags_of(documents, phi.words);
        expect(theta.size() == docs.n * phi.k,
               "theta must have a row a document, a column a topic");
        double* out = out_of(log_p, docs.n, "log_p must have one entry a document");
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        lda::log_predictive(Execution{threads, &monitor}, docs, phi, theta.data(), out);
      },
      py::arg("documents"), py::arg("topics"), py::arg("theta").noconvert(),
      py::arg("log_p").noconvert(), py::arg("threads"),
      "Log-probability of each document's words for given theta and phi.");
}

void bind_infer(py::module_& m) {
  m.def(
      "infer",
      [](const BoundDocuments& documents, const BoundTopics& topics, const Array<double>& alpha,
         int max_iter, double tolerance, Array<double>& theta, int threads) {
        const lda::TopicWord phi = topics_of(topics);
        const lda::Documents docs = bags_of(documents, phi.words);
        const double* a = alpha_of(alpha, phi.k);
        const lda::Shares out{
            out_of(theta, docs.n * phi.k, "theta must have a row a document, a column a topic"),
            0,
            0,
            nullptr,
            nullptr,
            nullptr};
        expect(max_iter >= 1, "max_iter must be at least 1");
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        return lda::infer(Execution{threads, &monitor}, docs, phi, a, {max_iter, tolerance}, out);
      },
      py::arg("documents"), py::arg("topics"), py::arg("alpha").noconvert(), py::arg("max_iter"),
      py::arg("tolerance"), py::arg("theta").noconvert(), py::arg("threads"),
      "The likeliest topics of documents for given phi; returns how many stopped at max_iter.");
  m.def(
      "infer",
      [](const BoundDocuments& documents, const BoundTopics& topics, const Array<double>& alpha,
         int max_iter, double tolerance, float threshold, SparseShares shares, int threads) {
        auto& [found, out_topics, values] = shares;
        const lda::TopicWord phi = topics_of(topics);
        const lda::Documents docs = bags_of(documents, phi.words);
        const double* a = alpha_of(alpha, phi.k);
        expect(out_topics.ndim() == 2 && out_topics.shape(0) == docs.n,
               "out_topics must have a row a document");
        const Index capacity = out_topics.shape(1);
        const lda::Shares out{
            nullptr,
            threshold,
            capacity,
            out_of(found, docs.n, "found must have one entry a document"),
            out_of(out_topics, docs.n * capacity, "out_topics must have a row a document"),
            out_of(values, docs.n * capacity, "values must match out_topics")};
        expect(max_iter >= 1, "max_iter must be at least 1");
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        return lda::infer(Execution{threads, &monitor}, docs, phi, a, {max_iter, tolerance}, out);
      },
      py::arg("documents"), py::arg("topics"), py::arg("alpha").noconvert(), py::arg("max_iter"),
      py::arg("tolerance"), py::arg("threshold"), py::arg("shares").noconvert(), py::arg("threads"),
      "The same for shares that reach a threshold: how many, their topics, their values.");
}

void bind_left_to_right(py::module_& m) {
  m.def(
      "left_to_right",
      [](const BoundDocuments& documents, const BoundTopics& topics, const Array<double>& alpha,
         const LeftToRightPlan& how, Array<double>& log_p, int threads) {
        const auto& [form, samples, resample, seed] = how;
        const lda::TopicWord phi = topics_of(topics);
        const lda::Documents docs = bags_of(documents, phi.words);
        const double* a = alpha_of(alpha, phi.k);
        expect(form == "particles" || form == "sequential", "form must be known");
        expect(samples >= 1 && resample >= -1, "samples must be at least 1, resample at least -1");
        double* out = out_of(log_p, docs.n, "log_p must have one entry a document");
        const lda::LeftToRightPlan plan{
            form == "particles" ? lda::LeftToRight::particles : lda::LeftToRight::sequential,
            samples, resample, seed};
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        lda::left_to_right(Execution{threads, &monitor}, docs, phi, a, plan, out);
      },
      py::arg("documents"), py::arg("topics"), py::arg("alpha").noconvert(), py::arg("plan"),
      py::arg("log_p").noconvert(), py::arg("threads"),
      "Left-to-right estimates of log p; plan: form, samples, positions to draw anew, seed.");
}

void bind_pairs(py::module_& m) {
  m.def(
      "count_pairs",
      [](const Array<Index64>& indptr, const Array<Index32>& words, Index vocabulary,
         const Array<Index32>& lists, Index window, Array<Index64>& pairs, int threads) {
        const Index n = rows_in(indptr, words.size(), "indptr must be offsets into words");
        const Index32* w = words.data();
        expect(vocabulary >= 0, "vocabulary must not be negative");
        for (Index e = 0; e < words.size(); ++e)
          expect(w[e] < vocabulary, "words must lie below the vocabulary");
        expect(lists.ndim() == 2 && lists.shape(1) >= 1 && lists.shape(1) <= lda::kMostTopWords,
               "lists must have 1 to 64 words a topic");
        const Index topics = lists.shape(0), top = lists.shape(1);
        for (Index i = 0; i < lists.size(); ++i)
          expect(lists.data()[i] < vocabulary, "lists must lie below the vocabulary");
        Index64* out = out_of(pairs, topics * top * top, "pairs must be (topics, top, top)");
        expect(window >= 0, "window must not be negative");
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        return lda::count_pairs(Execution{threads, &monitor}, {indptr.data(), w, n, vocabulary},
                                lists.data(), topics, top, window, out);
      },
      py::arg("indptr").noconvert(), py::arg("words").noconvert(), py::arg("vocabulary"),
      py::arg("lists").noconvert(), py::arg("window"), py::arg("pairs").noconvert(),
      py::arg("threads"),
      "Windows with each two words of a topic's list; returns the number of windows.");
}

}  // namespace

void bind_lda_measure(py::module_& m) {
  bind_theta<float>(m);
  bind_theta<double>(m);
  bind_infer(m);
  bind_left_to_right(m);
  bind_pairs(m);
}

}  // namespace gibbous::bind
