// SPDX-License-Identifier: Apache-2.0
// Bindings of Gaussian mixtures: shapes, dtypes, the GIL. Every kernel is overloaded for float32
// and float64; the dtype of x (or of the parameters) selects one.
#include "gibbous/gmm/mixture.hpp"

#include <pybind11/stl.h>

#include <utility>

#include "bind/gmm/arrays.hpp"
#include "gibbous/gmm/digits.hpp"

namespace gibbous::bind {

namespace {

template <class T>
BoundMixture<T> mixture(const std::string& type, Array<T> weights, Array<T> means,
                        Array<T> covariances, Array<T> factors,
                        std::optional<Array<double>> log_weights) {
  expect(means.ndim() == 2, "means must have two dimensions");
  const Covariance kind = covariance_of(type);
  const Index k = means.shape(0), d = means.shape(1), size = covariance_size(kind, k, d);
  expect(weights.size() == k, "weights must have one entry per component");
  expect(covariances.size() == size, "covariances has a wrong size");
  expect(factors.size() == size, "precisions_cholesky has a wrong size");
  expect(!log_weights || log_weights->size() == k, "log_weights must have one entry per component");
  return {kind,
          k,
          d,
          std::move(weights),
          std::move(means),
          std::move(covariances),
          std::move(factors),
          std::move(log_weights)};
}

template <class T>
gmm::Mixture<T> mixture_of(const BoundMixture<T>& m, const Rows<T>& rows) {
  expect(m.d == rows.d, "x and means must have equally many columns");
  return {
      m.type, m.k, m.d, m.weights.data(), m.means.data(), m.factors.data(), m.given_log_weights()};
}

template <class T>
double survey(const BoundRows<T>& x, Array<double>& center, Array<double>& spread,
              Array<double>& radius2, std::optional<Array<double>> scatter, int threads,
              bool given) {
  const Index d = x.rows.d;
  const gmm::Survey out{out_of(center, d, "center has a wrong size"),
                        out_of(spread, d, "spread has a wrong size"),
                        out_of(radius2, 1, "radius2 has a wrong size"),
                        optional_out(scatter, d * d, "scatter has a wrong size"), given};
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  return gmm::survey(x.rows, {threads, &monitor}, out);
}

template <class T>
double accumulate(const BoundRows<T>& x, const BoundMixture<T>& bound,
                  const std::optional<Array<T>>& about, BoundStatistics& sums, int threads) {
  const gmm::Mixture<T> mixture = mixture_of(bound, x.rows);
  const bool folded = about && about->ndim() == 1;
  expect(!about || about->size() == (folded ? mixture.d : mixture.k * mixture.d),
         "origin must be (d,) or (k, d)");
  const gmm::Origin<T> origin{folded ? about->data() : nullptr,
                              about && !folded ? about->data() : nullptr};
  expect(!origin.folded() || gmm::foldable(mixture.type, mixture.d), "has no folded form");
  const gmm::Statistics out =
      statistics_of(mixture.type, mixture.k, mixture.d, origin.folded(), sums);
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  return gmm::accumulate(x.rows, mixture, origin, {threads, &monitor}, out);
}

template <class T>
void start(const BoundRows<T>& x, const std::string& type, const Array<T>& origins,
           const std::optional<Array<Label>>& labels, std::uint64_t seed, Index first,
           BoundStatistics& sums, int threads) {
  const Rows<T>& rows = x.rows;
  expect(origins.ndim() == 2 && origins.shape(1) == rows.d,
         "origins must have one column per feature");
  const Index k = origins.shape(0);
  expect(!labels || labels->size() == rows.n, "labels must have one entry per row of x");
  if (labels)
    for (Index i = 0; i < rows.n; ++i)
      expect(labels->data()[i] < k, "labels must be below the number of components");
  const Covariance kind = covariance_of(type);
  const gmm::Statistics out = statistics_of(kind, k, rows.d, false, sums);
  const gmm::Assignment assignment{labels ? labels->data() : nullptr, seed, first};
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::start(rows, kind, k, origins.data(), assignment, {threads, &monitor}, out);
}

template <class T>
void posterior(const BoundRows<T>& x, const BoundMixture<T>& bound,
               std::optional<Array<T>> log_prob, std::optional<Array<T>> responsibilities,
               std::optional<Array<std::int64_t>> labels, int threads) {
  const gmm::Mixture<T> mixture = mixture_of(bound, x.rows);
  const gmm::Posterior<T> out =
      posterior_of(x.rows.n, mixture.k, log_prob, responsibilities, labels);
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // safe: only arrays held by the arguments are touched
  gmm::posterior(x.rows, mixture, {threads, &monitor}, out);
}

// One M-step; returns the first component whose covariance is not positive definite, or -1.
template <class T>
Index update(BoundStatistics& sums, const Array<T>& origin,
             const std::optional<Array<double>>& scatter, double reg_covar, BoundMixture<T>& to,
             int threads) {
  const Covariance kind = to.type;
  const Index k = to.k, d = to.d;
  const bool folded = origin.ndim() == 1;
  expect(origin.size() == (folded ? d : k * d), "origin has a wrong size");
  expect(kind != Covariance::tied || !folded || (scatter && scatter->size() == d * d),
         "a folded tied mixture needs the scatter");
  const gmm::Statistics in = statistics_of(kind, k, d, folded, sums);
  const gmm::Estimate<T> out{to.weights.mutable_data(), to.means.mutable_data(),
                             to.covariances.mutable_data()};  // throw for read-only arrays
  T* u = to.factors.mutable_data();
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
double widest(const std::string& type, const Array<T>& factors, const Array<double>& spread,
              double radius2) {
  const Covariance kind = covariance_of(type);
  const Index d = spread.size(), one = covariance_size(kind, 1, d);
  expect(factors.size() % one == 0 && (kind != Covariance::tied || factors.size() == one),
         "precisions_cholesky has a wrong size");
  return gmm::widest(kind, factors.size() / one, d, factors.data(), spread.data(), radius2);
}

template <class T, class U>
bool moved_far(const std::string& type, const Array<T>& old, const Array<U>& means,
               const Array<U>& covariances, double limit) {
  expect(old.ndim() == 2 && means.ndim() == 2, "means must have two dimensions");
  const gmm::Location<U> now{covariance_of(type), means.shape(0), means.shape(1), means.data(),
                             covariances.data()};
  expect(old.size() == means.size(), "old and new means must have one shape");
  expect(covariances.size() == covariance_size(now.type, now.k, now.d),
         "covariances has a wrong size");
  return gmm::moved_far(old.data(), now, limit);
}

template <class T, class U>
void bind_moved_far(py::module_& m) {
  m.def("moved_far", &moved_far<T, U>, py::arg("covariance_type"), py::arg("old").noconvert(),
        py::arg("means").noconvert(), py::arg("covariances").noconvert(), py::arg("limit"),
        "Whether a mean moved by more than sqrt(limit) of its new standard deviations.");
}

template <class T>
void bind_for(py::module_& m, const char* mixture_name) {
  const auto in = [](const char* name) { return py::arg(name).noconvert(); };
  const auto optional = [](const char* name) { return py::arg(name).noconvert().none(true); };
  py::class_<BoundMixture<T>>(m, mixture_name, py::module_local(),
                              "Parameters of a mixture; the arrays are not copied.");
  m.def("mixture", &mixture<T>, py::arg("covariance_type"), in("weights"), in("means"),
        in("covariances"), in("precisions_cholesky"), optional("log_weights") = py::none(),
        "Parameters of a mixture; log_weights replace log(weights) if given.");
  m.def("survey", &survey<T>, py::arg("x"), in("center"), in("spread"), in("radius2"),
        optional("scatter"), py::arg("threads"), py::arg("given") = false,
        "Spread and scatter about the data's center, or a given one; returns the weight.");
  m.def("accumulate", &accumulate<T>, py::arg("x"), py::arg("mixture"), optional("origin"),
        py::arg("statistics"), py::arg("threads"),
        "E-step and sufficient statistics; returns the weighted sum of log p(x).");
  m.def("start", &start<T>, py::arg("x"), py::arg("covariance_type"), in("origins"),
        optional("labels"), py::arg("seed"), py::arg("first_row"), py::arg("statistics"),
        py::arg("threads"), "Statistics of given labels, or of random responsibilities.");
  m.def("posterior", &posterior<T>, py::arg("x"), py::arg("mixture"), optional("log_prob"),
        optional("responsibilities"), optional("labels"), py::arg("threads"),
        "Log-likelihood, responsibilities and labels of each row, where asked for.");
  m.def("update", &update<T>, py::arg("statistics"), in("origin"), optional("scatter"),
        py::arg("reg_covar"), py::arg("mixture"), py::arg("threads"),
        "M-step into a mixture; returns the first component that is not positive definite, or -1.");
  m.def("factorize", &factorize<T>, py::arg("covariance_type"), py::arg("k"), py::arg("d"),
        in("covariances"), in("precisions_cholesky"), py::arg("threads"),
        "Cholesky factors of the precisions; returns the first component that fails, or -1.");
  m.def("widest", &widest<T>, py::arg("covariance_type"), in("precisions_cholesky"), in("spread"),
        py::arg("radius2"),
        "Largest squared distance of a row from the center, in widths of the components.");
}

void bind_statistics(py::module_& m) {
  py::class_<BoundStatistics>(m, "Statistics", py::module_local(),
                              "Sums over the rows; the arrays are not copied.");
  // a function, because calling a class takes twice as long
  m.def(
      "statistics",
      [](Array<double> nk, Array<double> s1, Array<double> s2,
         std::optional<Array<double>> entropy) {
        return BoundStatistics{std::move(nk), std::move(s1), std::move(s2), std::move(entropy)};
      },
      py::arg("nk").noconvert(), py::arg("s1").noconvert(), py::arg("s2").noconvert(),
      py::arg("entropy").noconvert() = py::none(), "Sums that E-steps write and M-steps read.");
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
  bind_statistics(m);
  bind_for<double>(m, "Mixture64");
  bind_for<float>(m, "Mixture32");
  bind_moved_far<double, double>(m);
  bind_moved_far<float, float>(m);
  bind_moved_far<float, double>(m);
}

}  // namespace gibbous::bind
