// SPDX-License-Identifier: Apache-2.0
// Border of the Gaussian mixture: shapes, dtypes, the GIL. Every kernel exists for float32 and
// float64 under one name; the dtype of x (or of the parameters) picks.
#include "gibbous/gmm/mixture.hpp"

#include <pybind11/stl.h>

#include <stdexcept>
#include <tuple>

#include "bind/gmm/arrays.hpp"

namespace gibbous::bind {

namespace {

template <class T>
gmm::Mixture<T> mixture_of(const std::string& type, const Array<T>& weights, const Array<T>& means,
                           const Array<T>& factors,
                           const std::optional<Array<double>>& log_weights) {
  expect(means.ndim() == 2, "means must have two dimensions");
  const gmm::Mixture<T> m{covariance_of(type),
                          means.shape(0),
                          means.shape(1),
                          weights.data(),
                          means.data(),
                          factors.data(),
                          log_weights ? log_weights->data() : nullptr};
  expect(weights.size() == m.k, "weights must have one entry a component");
  expect(!log_weights || log_weights->size() == m.k, "log_weights must have one entry a component");
  expect(factors.size() == covariance_size(m.type, m.k, m.d),
         "precisions_cholesky has a wrong size");
  return m;
}

template <class T>
double survey(const Array<T>& x, const std::optional<Array<T>>& weight, Array<double>& center,
              Array<double>& spread, Array<double>& radius2, std::optional<Array<double>> scatter,
              int threads, bool given) {
  const Rows<T> rows = rows_of(x, weight);
  const gmm::Survey out{
      out_of(center, rows.d, "center has a wrong size"),
      out_of(spread, rows.d, "spread has a wrong size"),
      out_of(radius2, 1, "radius2 has a wrong size"),
      scatter ? out_of(*scatter, rows.d * rows.d, "scatter has a wrong size") : nullptr, given};
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  return gmm::survey(rows, {threads, &monitor}, out);
}

template <class T>
double accumulate(const Array<T>& x, const std::optional<Array<T>>& weight, const std::string& type,
                  const Array<T>& weights, const Array<T>& means, const Array<T>& factors,
                  const std::optional<Array<T>>& about, Array<double>& nk, Array<double>& s1,
                  Array<double>& s2, int threads, const std::optional<Array<double>>& log_weights,
                  std::optional<Array<double>> entropy) {
  const Rows<T> rows = rows_of(x, weight);
  const gmm::Mixture<T> mixture = mixture_of(type, weights, means, factors, log_weights);
  expect(mixture.d == rows.d, "x and means must have equally many columns");
  const bool folded = about && about->ndim() == 1;
  expect(!about || about->size() == (folded ? rows.d : mixture.k * rows.d),
         "origin must be (d,) or (k, d)");
  const gmm::Origin<T> origin{folded ? about->data() : nullptr,
                              about && !folded ? about->data() : nullptr};
  expect(!origin.folded() || gmm::foldable(mixture.type, mixture.d), "has no folded form");
  gmm::Statistics out =
      statistics_of(mixture.type, mixture.k, mixture.d, origin.folded(), nk, s1, s2);
  if (entropy) out.entropy = out_of(*entropy, 1, "entropy has a wrong size");
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  return gmm::accumulate(rows, mixture, origin, {threads, &monitor}, out);
}

template <class T>
void start(const Array<T>& x, const std::optional<Array<T>>& weight, const std::string& type,
           const Array<T>& origins, const std::optional<Array<Label>>& labels, std::uint64_t seed,
           Array<double>& nk, Array<double>& s1, Array<double>& s2, int threads, Index first) {
  const Rows<T> rows = rows_of(x, weight);
  expect(origins.ndim() == 2 && origins.shape(1) == rows.d, "origins must have a column a feature");
  const Index k = origins.shape(0);
  expect(!labels || labels->size() == rows.n, "labels must have one entry a row of x");
  if (labels)
    for (Index i = 0; i < rows.n; ++i)
      expect(labels->data()[i] < k, "labels must be below the number of components");
  const Covariance kind = covariance_of(type);
  const gmm::Statistics out = statistics_of(kind, k, rows.d, false, nk, s1, s2);
  const gmm::Assignment assignment{labels ? labels->data() : nullptr, seed, first};
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::start(rows, kind, k, origins.data(), assignment, {threads, &monitor}, out);
}

template <class T>
void posterior(const Array<T>& x, const std::string& type, const Array<T>& weights,
               const Array<T>& means, const Array<T>& factors, std::optional<Array<T>> log_prob,
               std::optional<Array<T>> responsibilities, std::optional<Array<std::int64_t>> labels,
               int threads, const std::optional<Array<double>>& log_weights) {
  const Rows<T> rows = rows_of<T>(x, std::nullopt);
  const gmm::Mixture<T> mixture = mixture_of(type, weights, means, factors, log_weights);
  expect(mixture.d == rows.d, "x and means must have equally many columns");
  const gmm::Posterior<T> out{
      log_prob ? out_of(*log_prob, rows.n, "log_prob has a wrong size") : nullptr,
      responsibilities
          ? out_of(*responsibilities, rows.n * mixture.k, "responsibilities has a wrong size")
          : nullptr,
      labels ? out_of(*labels, rows.n, "labels has a wrong size") : nullptr};
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::posterior(rows, mixture, {threads, &monitor}, out);
}

// One M-step; returns the first component whose covariance is not positive definite, or -1.
template <class T>
Index update(const std::string& type, Array<double>& nk, Array<double>& s1, Array<double>& s2,
             const Array<T>& origin, const std::optional<Array<double>>& scatter, double reg_covar,
             Array<T>& weights, Array<T>& means, Array<T>& covariances, Array<T>& factors,
             int threads) {
  const Covariance kind = covariance_of(type);
  expect(means.ndim() == 2, "means must have two dimensions");
  const Index k = means.shape(0), d = means.shape(1);
  const bool folded = origin.ndim() == 1;
  expect(origin.size() == (folded ? d : k * d), "origin has a wrong size");
  expect(kind != Covariance::tied || !folded || (scatter && scatter->size() == d * d),
         "a folded tied mixture needs the scatter");
  const gmm::Statistics in = statistics_of(kind, k, d, folded, nk, s1, s2);
  const Index size = covariance_size(kind, k, d);
  const gmm::Estimate<T> out{out_of(weights, k, "weights has a wrong size"),
                             out_of(means, k * d, "means has a wrong size"),
                             out_of(covariances, size, "covariances has a wrong size")};
  T* u = out_of(factors, size, "precisions_cholesky has a wrong size");
  const double* about = scatter ? scatter->data() : nullptr;
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  const Execution run{threads, &monitor};
  gmm::update(gmm::Step<T>{kind, k, d, origin.data(), folded, about, reg_covar}, in, run, out);
  return gmm::factorize<T>(kind, k, d, out.covariances, run, u);
}

template <class T>
Index factorize(const std::string& type, Index k, Index d, const Array<T>& covariances,
                Array<T>& factors, int threads) {
  const Covariance kind = covariance_of(type);
  const Index size = covariance_size(kind, k, d);
  expect(covariances.size() == size, "covariances has a wrong size");
  T* u = out_of(factors, size, "precisions_cholesky has a wrong size");
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  return gmm::factorize<T>(kind, k, d, covariances.data(), {threads, &monitor}, u);
}

template <class T>
void bind_for(py::module_& m) {
  const auto in = [](const char* name) { return py::arg(name).noconvert(); };
  const auto optional = [](const char* name) { return py::arg(name).noconvert().none(true); };
  m.def("survey", &survey<T>, in("x"), optional("weight"), in("center"), in("spread"),
        in("radius2"), optional("scatter"), py::arg("threads"), py::arg("given") = false,
        "Spread and scatter about the data's center, or a given one; returns the weight.");
  m.def("accumulate", &accumulate<T>, in("x"), optional("weight"), py::arg("covariance_type"),
        in("weights"), in("means"), in("precisions_cholesky"), optional("origin"), in("nk"),
        in("s1"), in("s2"), py::arg("threads"), optional("log_weights") = py::none(),
        optional("entropy") = py::none(),
        "E-step and sufficient statistics; returns the weighted sum of log p(x).");
  m.def("start", &start<T>, in("x"), optional("weight"), py::arg("covariance_type"), in("origins"),
        optional("labels"), py::arg("seed"), in("nk"), in("s1"), in("s2"), py::arg("threads"),
        py::arg("first_row") = 0, "Statistics of given labels, or of random responsibilities.");
  m.def("posterior", &posterior<T>, in("x"), py::arg("covariance_type"), in("weights"), in("means"),
        in("precisions_cholesky"), optional("log_prob"), optional("responsibilities"),
        optional("labels"), py::arg("threads"), optional("log_weights") = py::none(),
        "Log-likelihood, responsibilities and labels of each row, where asked for.");
  m.def("update", &update<T>, py::arg("covariance_type"), in("nk"), in("s1"), in("s2"),
        in("origin"), optional("scatter"), py::arg("reg_covar"), in("weights"), in("means"),
        in("covariances"), in("precisions_cholesky"), py::arg("threads"),
        "M-step; returns the first component that is not positive definite, or -1.");
  m.def("factorize", &factorize<T>, py::arg("covariance_type"), py::arg("k"), py::arg("d"),
        in("covariances"), in("precisions_cholesky"), py::arg("threads"),
        "Cholesky factors of the precisions; returns the first component that fails, or -1.");
}

}  // namespace

void bind_gmm(py::module_& m) {
  m.def(
      "foldable",
      [](const std::string& type, Index d) { return gmm::foldable(covariance_of(type), d); },
      py::arg("covariance_type"), py::arg("d"),
      "Whether accumulate can refer its sums to the data's center.");
  m.def(
      "second_moments",
      [](const std::string& type, Index k, Index d, bool folded) {
        return gmm::second_moments(covariance_of(type), k, d, folded);
      },
      py::arg("covariance_type"), py::arg("k"), py::arg("d"), py::arg("folded"),
      "Length of the second moments that accumulate writes.");
  bind_for<double>(m);
  bind_for<float>(m);
}

}  // namespace gibbous::bind
