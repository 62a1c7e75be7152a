// SPDX-License-Identifier: Apache-2.0
// Bindings of mixtures on rows with missing entries.
#include <pybind11/stl.h>

#include <utility>

#include "bind/gmm/arrays.hpp"
#include "gibbous/gmm/missing/mixture.hpp"

namespace gibbous::bind {

namespace {

// An order of the rows in which those with the same pattern are adjacent, with its arrays.
struct BoundPatterns {
  Array<Index64> rows, starts;
  gmm::Patterns patterns;
};

BoundPatterns make_patterns(Array<Index64> rows, Array<Index64> starts) {
  static_assert(sizeof(Index) == sizeof(Index64));
  expect(starts.ndim() == 1 && starts.size() >= 1, "starts must have an entry per pattern, and n");
  const Index n = rows.size(), count = starts.size() - 1;
  const auto* at = reinterpret_cast<const Index*>(starts.data());
  expect(at[0] == 0 && at[count] == n, "starts must go from 0 to n");
  for (Index i = 0; i < count; ++i) expect(at[i] < at[i + 1], "starts must rise");
  for (Index i = 0; i < n; ++i)
    expect(rows.data()[i] >= 0 && rows.data()[i] < n, "rows must be row numbers of x");
  const gmm::Patterns patterns{reinterpret_cast<const Index*>(rows.data()), at, count};
  return {std::move(rows), std::move(starts), patterns};
}

gmm::Patterns patterns_of(const std::optional<BoundPatterns>& bound, Covariance type, Index n) {
  if (type == Covariance::diag || type == Covariance::spherical) return {nullptr, nullptr, 0};
  expect(bound.has_value(), "full and tied covariances need patterns");
  expect(bound->rows.size() == n, "patterns must have one entry per row of x");
  return bound->patterns;
}

template <class T>
gmm::Joint<T> joint_of(const BoundMixture<T>& m, const Rows<T>& rows) {
  expect(m.d == rows.d, "x and means must have equally many columns");
  return {m.type,
          m.k,
          m.d,
          m.weights.data(),
          m.means.data(),
          m.covariances.data(),
          m.given_log_weights()};
}

template <class T>
double accumulate_missing(const BoundRows<T>& x, const std::optional<BoundPatterns>& patterns,
                          const BoundMixture<T>& mixture, const std::optional<Array<T>>& about,
                          BoundStatistics& sums, int threads) {
  const gmm::Joint<T> joint = joint_of(mixture, x.rows);
  const gmm::Patterns order = patterns_of(patterns, joint.type, x.rows.n);
  expect(!about || about->size() == joint.k * joint.d, "origin must be (k, d)");
  const gmm::Statistics out = statistics_of(joint.type, joint.k, joint.d, false, sums);
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  return gmm::accumulate_missing(x.rows, order, joint, about ? about->data() : nullptr,
                                 {threads, &monitor}, out);
}

template <class T>
void posterior_missing(const BoundRows<T>& x, const std::optional<BoundPatterns>& patterns,
                       const BoundMixture<T>& mixture, std::optional<Array<T>> log_prob,
                       std::optional<Array<T>> responsibilities,
                       std::optional<Array<std::int64_t>> labels, int threads) {
  const gmm::Joint<T> joint = joint_of(mixture, x.rows);
  const gmm::Patterns order = patterns_of(patterns, joint.type, x.rows.n);
  const gmm::Posterior<T> out = posterior_of(x.rows.n, joint.k, log_prob, responsibilities, labels);
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::posterior_missing(x.rows, order, joint, {threads, &monitor}, out);
}

// The requested outputs for rows with missing entries; sizes are checked against the rows.
template <class T>
struct BoundCompletion {
  std::optional<Array<T>> filled;
  std::optional<Array<Index64>> targets;
  std::optional<Array<T>> variance, covariance;
  std::optional<std::uint64_t> seed;
};

template <class T>
gmm::Completion<T> completion_of(BoundCompletion<T>& bound, const Rows<T>& rows) {
  const Index count = bound.targets ? bound.targets->size() : 0;
  for (Index i = 0; i < count; ++i) {
    const Index64 target = bound.targets->data()[i];
    expect(target >= 0 && target < rows.d, "targets must be columns of x");
  }
  return {optional_out(bound.filled, rows.n * rows.d, "filled has a wrong size"),
          bound.targets ? reinterpret_cast<const Index*>(bound.targets->data()) : nullptr,
          count,
          optional_out(bound.variance, rows.n * count, "variance has a wrong size"),
          optional_out(bound.covariance, rows.n * count * count, "covariance has a wrong size"),
          bound.seed ? &*bound.seed : nullptr};
}

template <class T>
void complete(const BoundRows<T>& x, const std::optional<BoundPatterns>& patterns,
              const BoundMixture<T>& mixture, BoundCompletion<T>& completion, int threads) {
  const gmm::Joint<T> joint = joint_of(mixture, x.rows);
  const gmm::Patterns order = patterns_of(patterns, joint.type, x.rows.n);
  const gmm::Completion<T> out = completion_of(completion, x.rows);
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::complete(x.rows, order, joint, {threads, &monitor}, out);
}

template <class T>
void bind_missing_for(py::module_& m, const char* completion) {
  const auto optional = [](const char* name) { return py::arg(name).noconvert().none(true); };
  py::class_<BoundCompletion<T>>(m, completion, py::module_local(),
                                 "What to write about missing entries; see completion.");
  m.def(
      "completion",
      [](Array<T> filled, std::optional<Array<Index64>> targets, std::optional<Array<T>> variance,
         std::optional<Array<T>> covariance, std::optional<std::uint64_t> seed) {
        return BoundCompletion<T>{std::move(filled), std::move(targets), std::move(variance),
                                  std::move(covariance), seed};
      },
      py::arg("filled").noconvert(), optional("targets"), optional("variance"),
      optional("covariance"), py::arg("seed"),
      "Arrays for complete: the rows, and the spread of targets; a seed for draws, not means.");
  m.def("accumulate", &accumulate_missing<T>, py::arg("x"), py::arg("patterns"), py::arg("mixture"),
        optional("origin"), py::arg("statistics"), py::arg("threads"),
        "E-step on what is observed, and expected statistics; returns the weighted sum of log p.");
  m.def("posterior", &posterior_missing<T>, py::arg("x"), py::arg("patterns"), py::arg("mixture"),
        optional("log_prob"), optional("responsibilities"), optional("labels"), py::arg("threads"),
        "Log-likelihood, responsibilities and labels by what is observed of each row.");
  m.def("complete", &complete<T>, py::arg("x"), py::arg("patterns"), py::arg("mixture"),
        py::arg("completion"), py::arg("threads"),
        "What takes the place of missing entries: mean or draw, variance and covariance.");
}

}  // namespace

void bind_gmm_missing(py::module_& m) {
  py::class_<BoundPatterns>(m, "Patterns", py::module_local(),
                            "Rows in the order of the entries that they miss; not copied.")
      .def(py::init(&make_patterns), py::arg("rows").noconvert(), py::arg("starts").noconvert());
  bind_missing_for<double>(m, "Completion64");
  bind_missing_for<float>(m, "Completion32");
}

}  // namespace gibbous::bind
