// SPDX-License-Identifier: Apache-2.0
#include "gibbous/kmeans/kernels.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "bind/bind.hpp"

namespace gibbous::bind {
namespace {

// CSR rows and their weights, with the arrays that hold them.
template <class T>
struct BoundCsr {
  std::variant<kmeans::Csr<T, Index32>, kmeans::Csr<T, Index64>> rows;
  py::tuple owners;
};

template <class T, class I>
BoundCsr<T> csr_rows(const Array<T>& data, const Array<I>& indices, const Array<I>& indptr, Index d,
                     const std::optional<Array<T>>& weight) {
  expect(data.ndim() == 1 && indices.size() == data.size(), "indices must match data");
  expect(indptr.ndim() == 1 && indptr.size() >= 1,
         "indptr must have one entry per row and one more");
  const Index n = indptr.size() - 1, stored = data.size();
  expect(!weight || weight->size() == n, "weight must have one entry per row of x");
  const I* p = indptr.data();
  expect(p[0] == 0 && static_cast<Index>(p[n]) <= stored,
         "indptr must begin at 0 and end within data");
  for (Index i = 0; i < n; ++i) expect(p[i] <= p[i + 1], "indptr must not decrease");
  const I* j = indices.data();
  for (Index e = 0; e < static_cast<Index>(p[n]); ++e)
    expect(j[e] >= 0 && static_cast<Index>(j[e]) < d, "indices must lie within the columns");
  return {kmeans::Csr<T, I>{data.data(), j, p, n, d, weight ? weight->data() : nullptr},
          py::make_tuple(data, indices, indptr, weight)};
}

// Calls f with the rows in the format of the kernels.
template <class T, class F>
auto with_rows(const BoundRows<T>& x, F&& f) {
  return f(x.rows);
}
template <class T, class F>
auto with_rows(const BoundCsr<T>& x, F&& f) {
  return std::visit(std::forward<F>(f), x.rows);
}

template <class T>
Index centers_of(const Array<T>& centers, Index d) {
  expect(centers.ndim() == 2 && centers.shape(0) >= 1 && centers.shape(1) == d,
         "centers must have two dimensions and as many columns as x");
  return centers.shape(0);
}

template <class Data, class T>
py::tuple lloyd_step(const Data& x, const Array<T>& centers, Array<Label>& labels, Array<T>& fresh,
                     int threads, kmeans::Bounds<T> bounds = {}) {
  const Index k = centers_of(centers, x.d);
  Label* l = out_of(labels, x.n, "labels must have one entry per row of x");
  T* f = out_of(fresh, k * x.d, "new_centers must have the shape of centers");
  PythonMonitor monitor;
  kmeans::Step s;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    s = kmeans::lloyd_step(Execution{threads, &monitor}, x, centers.data(), k, l, f, bounds);
  }
  return py::make_tuple(s.inertia, s.changed, s.shift, s.relocated);
}

template <class T>
py::tuple dense_step(const BoundRows<T>& x, const Array<T>& centers, Array<Label>& labels,
                     Array<T>& fresh, int threads, std::optional<Array<T>> lower,
                     std::optional<Array<double>> drift) {
  const Rows<T>& rows = x.rows;
  expect(lower.has_value() == drift.has_value(), "lower and drift go together");
  kmeans::Bounds<T> bounds;
  if (lower) {
    const Index k = centers_of(centers, rows.d);
    bounds.lower = out_of(*lower, rows.n, "lower must have one entry per row of x");
    bounds.drift = out_of(*drift, k, "drift must have one entry per center");
    const Label* l = out_of(labels, rows.n, "labels must have one entry per row of x");
    expect(std::all_of(l, l + rows.n, [&](Label v) { return v < k; }),
           "labels must be below the number of centers");
  }
  return lloyd_step(rows, centers, labels, fresh, threads, bounds);
}

template <class T>
py::tuple sparse_step(const BoundCsr<T>& x, const Array<T>& centers, Array<Label>& labels,
                      Array<T>& fresh, int threads) {
  return with_rows(
      x, [&](const auto& rows) { return lloyd_step(rows, centers, labels, fresh, threads); });
}

template <class Bound, class T>
double assign(const Bound& x, const Array<T>& centers, Array<Label>& labels, int threads) {
  return with_rows(x, [&](const auto& rows) {
    const Index k = centers_of(centers, rows.d);
    Label* l = out_of(labels, rows.n, "labels must have one entry per row of x");
    PythonMonitor monitor;
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    return kmeans::assign(Execution{threads, &monitor}, rows, centers.data(), k, l);
  });
}

template <class Bound, class T>
double minibatch(const Bound& x, Array<T>& centers, Array<double>& counts, Array<Label>& labels,
                 int threads) {
  return with_rows(x, [&](const auto& rows) {
    const Index k = centers_of(centers, rows.d);
    T* c = centers.mutable_data();
    double* seen = out_of(counts, k, "counts must have one entry per center");
    Label* l = out_of(labels, rows.n, "labels must have one entry per row of x");
    PythonMonitor monitor;
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    return kmeans::minibatch_step(Execution{threads, &monitor}, rows, c, k, seen, l);
  });
}

template <class Bound, class T>
void distances(const Bound& x, const Array<T>& centers, Array<T>& out, int threads) {
  with_rows(x, [&](const auto& rows) {
    const Index k = centers_of(centers, rows.d);
    T* o = out_of(out, rows.n * k, "out must have one row per row of x and one column per center");
    PythonMonitor monitor;
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    kmeans::distances(Execution{threads, &monitor}, rows, centers.data(), k, o);
  });
}

template <class Bound>
py::array_t<Index> plusplus(const Bound& x, Index k, Index trials, std::uint64_t seed, int threads,
                            bool prune) {
  expect(k >= 1 && trials >= 1, "k, trials and the rows of x must be at least 1");
  py::array_t<Index> chosen(k);
  Index* out = chosen.mutable_data();
  with_rows(x, [&](const auto& rows) {
    expect(rows.n >= 1, "k, trials and the rows of x must be at least 1");
    PythonMonitor monitor;
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    kmeans::plusplus(Execution{threads, &monitor}, rows, k, trials, seed, prune, out);
  });
  return chosen;
}

template <class T>
double mean_variance(const BoundRows<T>& x, int threads) {
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  return kmeans::mean_variance(Execution{threads, &monitor}, x.rows);
}

template <class Bound, class T>
void bind_all_rows(py::module_& m) {
  m.def("assign", &assign<Bound, T>, py::arg("x"), py::arg("centers").noconvert(),
        py::arg("labels").noconvert(), py::arg("threads"),
        "Labels of all rows; returns the inertia.");
  m.def("minibatch", &minibatch<Bound, T>, py::arg("x"), py::arg("centers").noconvert(),
        py::arg("counts").noconvert(), py::arg("labels").noconvert(), py::arg("threads"),
        "One mini-batch update in place; returns the inertia before it.");
  m.def("distances", &distances<Bound, T>, py::arg("x"), py::arg("centers").noconvert(),
        py::arg("out").noconvert(), py::arg("threads"),
        "Euclidean distances of all rows to all centers.");
  m.def("plusplus", &plusplus<Bound>, py::arg("x"), py::arg("k"), py::arg("trials"),
        py::arg("seed"), py::arg("threads"), py::arg("prune") = true,
        "Row numbers of k starting centers by greedy k-means++.");
}

template <class T>
void bind_dense(py::module_& m) {
  m.def("step", &dense_step<T>, py::arg("x"), py::arg("centers").noconvert(),
        py::arg("labels").noconvert(), py::arg("new_centers").noconvert(), py::arg("threads"),
        py::arg("lower").noconvert() = py::none(), py::arg("drift").noconvert() = py::none(),
        "One Lloyd iteration: inertia before it, labels changed, squared shift, clusters "
        "relocated.");
  bind_all_rows<BoundRows<T>, T>(m);
  m.def("mean_variance", &mean_variance<T>, py::arg("x"), py::arg("threads"),
        "Mean of the columns' variances.");
}

template <class T, class I>
void bind_csr(py::module_& m) {
  m.def("csr", &csr_rows<T, I>, py::arg("data").noconvert(), py::arg("indices").noconvert(),
        py::arg("indptr").noconvert(), py::arg("columns"),
        py::arg("weight").noconvert() = py::none(), "CSR rows in the precision of data.");
}

template <class T>
void bind_sparse(py::module_& m, const char* name) {
  py::class_<BoundCsr<T>>(m, name, py::module_local(),
                          "CSR rows with optional weights; the arrays are not copied.");
  bind_csr<T, Index32>(m);
  bind_csr<T, Index64>(m);
  m.def("step", &sparse_step<T>, py::arg("x"), py::arg("centers").noconvert(),
        py::arg("labels").noconvert(), py::arg("new_centers").noconvert(), py::arg("threads"),
        "One Lloyd iteration over CSR rows.");
  bind_all_rows<BoundCsr<T>, T>(m);
}

}  // namespace

void bind_kmeans(py::module_& m) {
  bind_dense<double>(m);
  bind_dense<float>(m);
  bind_sparse<double>(m, "Csr64");
  bind_sparse<float>(m, "Csr32");
}

}  // namespace gibbous::bind
