// SPDX-License-Identifier: Apache-2.0
// Border of the mixture on rows with missing entries.
#include <pybind11/stl.h>

#include "bind/gmm/arrays.hpp"
#include "gibbous/gmm/missing/mixture.hpp"

namespace gibbous::bind {

namespace {

using Numbers = std::optional<Array<Index64>>;

gmm::Patterns patterns_of(const Numbers& order, const Numbers& begin, Covariance type, Index n) {
  static_assert(sizeof(Index) == sizeof(Index64));
  if (type == Covariance::diag || type == Covariance::spherical) return {nullptr, nullptr, 0};
  expect(order && begin, "full and tied covariances need patterns");
  const Array<Index64>&rows = *order, &starts = *begin;
  expect(rows.size() == n, "rows must have one entry a row of x");
  expect(starts.ndim() == 1 && starts.size() >= 1, "starts must have an entry a pattern, and n");
  const auto* at = reinterpret_cast<const Index*>(starts.data());
  const Index count = starts.size() - 1;
  expect(at[0] == 0 && at[count] == n, "starts must go from 0 to n");
  for (Index i = 0; i < count; ++i) expect(at[i] < at[i + 1], "starts must rise");
  for (Index i = 0; i < n; ++i)
    expect(rows.data()[i] >= 0 && rows.data()[i] < n, "rows must be row numbers of x");
  return {reinterpret_cast<const Index*>(rows.data()), at, count};
}

template <class T>
gmm::Joint<T> joint_of(const std::string& type, const Array<T>& weights, const Array<T>& means,
                       const Array<T>& covariances, Index d,
                       const std::optional<Array<double>>& log_weights = std::nullopt) {
  expect(means.ndim() == 2 && means.shape(1) == d, "x and means must have equally many columns");
  const gmm::Joint<T> joint{covariance_of(type),
                            means.shape(0),
                            d,
                            weights.data(),
                            means.data(),
                            covariances.data(),
                            log_weights ? log_weights->data() : nullptr};
  expect(weights.size() == joint.k, "weights must have one entry a component");
  expect(!log_weights || log_weights->size() == joint.k,
         "log_weights must have one entry a component");
  expect(covariances.size() == covariance_size(joint.type, joint.k, d),
         "covariances has a wrong size");
  return joint;
}

template <class T>
T* optional_out(std::optional<Array<T>>& a, Index size, const char* what) {
  return a ? out_of(*a, size, what) : nullptr;
}

template <class T>
double accumulate_missing(const Array<T>& x, const std::optional<Array<T>>& weight,
                          const Numbers& order, const Numbers& starts, const std::string& type,
                          const Array<T>& weights, const Array<T>& means,
                          const Array<T>& covariances, const std::optional<Array<T>>& about,
                          Array<double>& nk, Array<double>& s1, Array<double>& s2, int threads,
                          const std::optional<Array<double>>& log_weights) {
  const Rows<T> rows = rows_of(x, weight);
  const gmm::Patterns patterns = patterns_of(order, starts, covariance_of(type), rows.n);
  const gmm::Joint<T> joint = joint_of(type, weights, means, covariances, rows.d, log_weights);
  expect(!about || about->size() == joint.k * joint.d, "origin must be (k, d)");
  const gmm::Statistics out = statistics_of(joint.type, joint.k, joint.d, false, nk, s1, s2);
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  return gmm::accumulate_missing(rows, patterns, joint, about ? about->data() : nullptr,
                                 {threads, &monitor}, out);
}

template <class T>
void posterior_missing(const Array<T>& x, const Numbers& order, const Numbers& starts,
                       const std::string& type, const Array<T>& weights, const Array<T>& means,
                       const Array<T>& covariances, std::optional<Array<T>> log_prob,
                       std::optional<Array<T>> responsibilities,
                       std::optional<Array<std::int64_t>> labels, int threads,
                       const std::optional<Array<double>>& log_weights) {
  const Rows<T> rows = rows_of<T>(x, std::nullopt);
  const gmm::Patterns patterns = patterns_of(order, starts, covariance_of(type), rows.n);
  const gmm::Joint<T> joint = joint_of(type, weights, means, covariances, rows.d, log_weights);
  const gmm::Posterior<T> out{
      optional_out(log_prob, rows.n, "log_prob has a wrong size"),
      optional_out(responsibilities, rows.n * joint.k, "responsibilities has a wrong size"),
      optional_out(labels, rows.n, "labels has a wrong size")};
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::posterior_missing(rows, patterns, joint, {threads, &monitor}, out);
}

template <class T>
void complete(const Array<T>& x, const Numbers& order, const Numbers& starts,
              const std::string& type, const Array<T>& weights, const Array<T>& means,
              const Array<T>& covariances, std::optional<Array<T>> filled,
              const std::optional<Array<Index64>>& targets, std::optional<Array<T>> variance,
              std::optional<Array<T>> covariance, const std::optional<std::uint64_t>& seed,
              int threads) {
  const Rows<T> rows = rows_of<T>(x, std::nullopt);
  const gmm::Patterns patterns = patterns_of(order, starts, covariance_of(type), rows.n);
  const gmm::Joint<T> joint = joint_of(type, weights, means, covariances, rows.d);
  const Index count = targets ? targets->size() : 0;
  for (Index i = 0; i < count; ++i)
    expect(targets->data()[i] >= 0 && targets->data()[i] < rows.d, "targets must be columns of x");
  const gmm::Completion<T> out{
      optional_out(filled, rows.n * rows.d, "filled has a wrong size"),
      targets ? reinterpret_cast<const Index*>(targets->data()) : nullptr,
      count,
      optional_out(variance, rows.n * count, "variance has a wrong size"),
      optional_out(covariance, rows.n * count * count, "covariance has a wrong size"),
      seed ? &*seed : nullptr};
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::complete(rows, patterns, joint, {threads, &monitor}, out);
}

template <class T>
void bind_missing_for(py::module_& m) {
  const auto in = [](const char* name) { return py::arg(name).noconvert(); };
  const auto optional = [](const char* name) { return py::arg(name).noconvert().none(true); };
  m.def("accumulate", &accumulate_missing<T>, in("x"), optional("weight"), optional("rows"),
        optional("starts"), py::arg("covariance_type"), in("weights"), in("means"),
        in("covariances"), optional("origin"), in("nk"), in("s1"), in("s2"), py::arg("threads"),
        optional("log_weights") = py::none(),
        "E-step on what is observed, and expected statistics; returns the weighted sum of log p.");
  m.def("posterior", &posterior_missing<T>, in("x"), optional("rows"), optional("starts"),
        py::arg("covariance_type"), in("weights"), in("means"), in("covariances"),
        optional("log_prob"), optional("responsibilities"), optional("labels"), py::arg("threads"),
        optional("log_weights") = py::none(),
        "Log-likelihood, responsibilities and labels by what is observed of each row.");
  m.def("complete", &complete<T>, in("x"), optional("rows"), optional("starts"),
        py::arg("covariance_type"), in("weights"), in("means"), in("covariances"),
        optional("filled"), optional("targets"), optional("variance"), optional("covariance"),
        optional("seed"), py::arg("threads"),
        "What takes the place of missing entries: mean or draw, variance and covariance.");
}

}  // namespace

void bind_gmm_missing(py::module_& m) {
  bind_missing_for<double>(m);
  bind_missing_for<float>(m);
}

}  // namespace gibbous::bind
