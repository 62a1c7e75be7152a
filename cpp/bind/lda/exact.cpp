// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <memory>

#include "bind/bind.hpp"
#include "bind/lda/arrays.hpp"
#include "gibbous/lda/exact/sampler.hpp"

namespace gibbous::bind {
namespace {

using lda::ExactSampler;
using lda::Kernel;

Kernel kernel_of(const std::string& name) {
  if (name == "auto") return Kernel::automatic;
  if (name == "dense") return Kernel::dense;
  expect(name == "sparse", "kernel must be 'auto', 'dense' or 'sparse'");
  return Kernel::sparse;
}

std::unique_ptr<ExactSampler> make_exact(const BoundDocuments& bound, Index n_words, Index n_topics,
                                         const Array<lda::Topic>& z, const std::string& kernel,
                                         Index blocks, int threads) {
  const lda::Documents documents = documents_of(bound, n_words);
  expect_topics(n_topics);
  expect_assignments(z, documents, n_topics);
  expect(blocks >= 0, "blocks must be at least 0");
  const Kernel k = kernel_of(kernel);
  const lda::Topic* start = z.data();
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  return std::make_unique<ExactSampler>(documents, n_topics, start, Execution{threads, &monitor}, k,
                                        blocks);
}

void exact_sweep(ExactSampler& sampler, const Array<double>& alpha, double beta,
                 const Array<double>& beta_sum, const Seeds& seeds, std::uint64_t seed,
                 std::uint32_t iteration, int threads) {
  const lda::Priors priors = priors_of(alpha, beta, beta_sum, seeds, sampler.topic_count());
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  sampler.sweep(priors, seed, iteration, Execution{threads, &monitor});
}

py::array_t<lda::Topic> exact_topics(const ExactSampler& sampler, int threads) {
  py::array_t<lda::Topic> z(sampler.tokens());
  lda::Topic* out = z.mutable_data();
  PythonMonitor monitor;
  {
    const py::gil_scoped_release nogil;  // no other object has the array
    sampler.topics(out, Execution{threads, &monitor});
  }
  return z;
}

py::tuple exact_word_counts(const ExactSampler& sampler, int threads) {
  PythonMonitor monitor;
  lda::Counts counts;
  {
    const py::gil_scoped_release nogil;  // the sampler is not modified
    counts = sampler.word_counts(Execution{threads, &monitor});
  }
  return counts_out(counts);
}

}  // namespace

void bind_lda_exact(py::module_& m) {
  py::class_<ExactSampler>(m, "ExactSampler", py::module_local(),
                           "Collapsed Gibbs sampler of topics on current counts.")
      .def(py::init(&make_exact), py::arg("documents"), py::arg("n_words"), py::arg("n_topics"),
           py::arg("z"), py::kw_only(), py::arg("kernel") = "auto", py::arg("blocks") = 0,
           py::arg("n_threads") = 1)
      .def("sweep", &exact_sweep, py::arg("alpha"), py::arg("beta"), py::arg("beta_sum"),
           py::arg("seeds"), py::arg("seed"), py::arg("iteration"), py::arg("n_threads"))
      .def("topics", &exact_topics, py::arg("n_threads"))
      .def("totals",
           [](const ExactSampler& s) { return py::array_t<Index64>(s.topic_count(), s.totals()); })
      .def("word_counts", &exact_word_counts, py::arg("n_threads"))
      .def_property_readonly(
          "kernel",
          [](const ExactSampler& s) { return s.kernel() == Kernel::dense ? "dense" : "sparse"; })
      .def_property_readonly("blocks", &ExactSampler::blocks)
      .def_property_readonly("tokens", &ExactSampler::tokens)
      .def_property_readonly("topic_count", &ExactSampler::topic_count)
      .def_property_readonly("bytes", &ExactSampler::bytes);
}

}  // namespace gibbous::bind
