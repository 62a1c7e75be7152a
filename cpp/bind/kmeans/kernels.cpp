// SPDX-License-Identifier: Apache-2.0
#include "gibbous/kmeans/kernels.hpp"

#include <pybind11/stl.h>

#include <algorithm>

#include "bind/bind.hpp"

namespace gibbous::bind {
namespace {

template <class T, class I>
kmeans::Csr<T, I> csr_of(const Array<T>& data, const Array<I>& indices, const Array<I>& indptr,
                         Index d, const std::optional<Array<T>>& weight) {
  expect(data.ndim() == 1 && indices.size() == data.size(), "indices must match data");
  expect(indptr.ndim() == 1 && indptr.size() >= 1, "indptr must have one entry a row and one more");
  const Index n = indptr.size() - 1, stored = data.size();
  expect(!weight || weight->size() == n, "weight must have one entry a row of x");
  const I* p = indptr.data();
  expect(p[0] == 0 && static_cast<Index>(p[n]) <= stored,
         "indptr must begin at 0 and end within data");
  for (Index i = 0; i < n; ++i) expect(p[i] <= p[i + 1], "indptr must not decrease");
  const I* j = indices.data();
  for (Index e = 0; e < static_cast<Index>(p[n]); ++e)
    expect(j[e] >= 0 && static_cast<Index>(j[e]) < d, "indices must lie within the columns");
  return {data.data(), j, p, n, d, weight ? weight->data() : nullptr};
}

template <class T>
Index centers_of(const Array<T>& centers, Index d) {
  expect(centers.ndim() == 2 && centers.shape(0) >= 1 && centers.shape(1) == d,
         "centers must have two dimensions and as many columns as x");
  return centers.shape(0);
}

template <class Data, class T>
py::tuple step(const Data& x, const Array<T>& centers, Array<Label>& labels, Array<T>& fresh,
               int threads, kmeans::Bounds<T> bounds = {}) {
  const Index k = centers_of(centers, x.d);
  Label* l = out_of(labels, x.n, "labels must have one entry a row of x");
  T* f = out_of(fresh, k * x.d, "new_centers must have the shape of centers");
  PythonMonitor monitor;
  kmeans::Step s;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    s = kmeans::lloyd_step(Execution{threads, &monitor}, x, centers.data(), k, l, f, bounds);
  }
  return py::make_tuple(s.inertia, s.changed, s.shift, s.relocated);
}

template <class Data, class T>
double assign(const Data& x, const Array<T>& centers, Array<Label>& labels, int threads) {
  const Index k = centers_of(centers, x.d);
  Label* l = out_of(labels, x.n, "labels must have one entry a row of x");
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  return kmeans::assign(Execution{threads, &monitor}, x, centers.data(), k, l);
}

template <class Data, class T>
double minibatch(const Data& x, Array<T>& centers, Array<double>& counts, Array<Label>& labels,
                 int threads) {
  const Index k = centers_of(centers, x.d);
  T* c = centers.mutable_data();
  double* seen = out_of(counts, k, "counts must have one entry a center");
  Label* l = out_of(labels, x.n, "labels must have one entry a row of x");
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  return kmeans::minibatch_step(Execution{threads, &monitor}, x, c, k, seen, l);
}

template <class Data, class T>
void distances(const Data& x, const Array<T>& centers, Array<T>& out, int threads) {
  const Index k = centers_of(centers, x.d);
  T* o = out_of(out, x.n * k, "out must have a row for each row of x and a column a center");
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  kmeans::distances(Execution{threads, &monitor}, x, centers.data(), k, o);
}

template <class Data>
py::array_t<Index> plusplus(const Data& x, Index k, Index trials, std::uint64_t seed, int threads,
                            bool prune) {
  expect(k >= 1 && x.n >= 1 && trials >= 1, "k, trials and the rows of x must be at least 1");
  py::array_t<Index> rows(k);
  Index* r = rows.mutable_data();
  PythonMonitor monitor;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    kmeans::plusplus(Execution{threads, &monitor}, x, k, trials, seed, prune, r);
  }
  return rows;
}

template <class T>
void bind_dense(py::module_& m) {
  using X = Array<T>;
  using W = std::optional<Array<T>>;
  m.def(
      "step",
      [](const X& x, const W& w, const X& centers, Array<Label>& labels, X& fresh, int threads,
         std::optional<X> lower, std::optional<Array<double>> drift) {
        const Rows<T> rows = rows_of(x, w);
        expect(lower.has_value() == drift.has_value(), "lower and drift go together");
        kmeans::Bounds<T> bounds;
        if (lower) {
          const Index k = centers_of(centers, rows.d);
          bounds.lower = out_of(*lower, rows.n, "lower must have one entry a row of x");
          bounds.drift = out_of(*drift, k, "drift must have one entry a center");
          const Label* l = out_of(labels, rows.n, "labels must have one entry a row of x");
          expect(std::all_of(l, l + rows.n, [&](Label v) { return v < k; }),
                 "labels must be below the number of centers");
        }
        return step(rows, centers, labels, fresh, threads, bounds);
      },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("centers").noconvert(),
      py::arg("labels").noconvert(), py::arg("new_centers").noconvert(), py::arg("threads"),
      py::arg("lower").noconvert() = py::none(), py::arg("drift").noconvert() = py::none(),
      "One Lloyd iteration: inertia before it, labels changed, squared shift, clusters relocated.");
  m.def(
      "assign",
      [](const X& x, const W& w, const X& centers, Array<Label>& labels, int threads) {
        return assign(rows_of(x, w), centers, labels, threads);
      },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("centers").noconvert(),
      py::arg("labels").noconvert(), py::arg("threads"),
      "Labels of all rows; returns the inertia.");
  m.def(
      "minibatch",
      [](const X& x, const W& w, X& centers, Array<double>& counts, Array<Label>& labels,
         int threads) { return minibatch(rows_of(x, w), centers, counts, labels, threads); },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("centers").noconvert(),
      py::arg("counts").noconvert(), py::arg("labels").noconvert(), py::arg("threads"),
      "One mini-batch update in place; returns the inertia before it.");
  m.def(
      "distances",
      [](const X& x, const X& centers, X& out, int threads) {
        distances(rows_of<T>(x, std::nullopt), centers, out, threads);
      },
      py::arg("x").noconvert(), py::arg("centers").noconvert(), py::arg("out").noconvert(),
      py::arg("threads"), "Euclidean distances of all rows to all centers.");
  m.def(
      "plusplus",
      [](const X& x, const W& w, Index k, Index trials, std::uint64_t seed, int threads,
         bool prune) { return plusplus(rows_of(x, w), k, trials, seed, threads, prune); },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("k"), py::arg("trials"),
      py::arg("seed"), py::arg("threads"), py::arg("prune") = true,
      "Row numbers of k starting centers by greedy k-means++.");
  m.def(
      "mean_variance",
      [](const X& x, int threads) {
        const Rows<T> rows = rows_of<T>(x, std::nullopt);
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        return kmeans::mean_variance(Execution{threads, &monitor}, rows);
      },
      py::arg("x").noconvert(), py::arg("threads"), "Mean of the columns' variances.");
}

template <class T, class I>
void bind_sparse(py::module_& m) {
  using V = Array<T>;
  using J = Array<I>;
  using W = std::optional<Array<T>>;
  m.def(
      "step",
      [](const V& data, const J& indices, const J& indptr, const W& w, const V& centers,
         Array<Label>& labels, V& fresh, int threads) {
        return step(csr_of<T, I>(data, indices, indptr, centers.shape(1), w), centers, labels,
                    fresh, threads);
      },
      py::arg("data").noconvert(), py::arg("indices").noconvert(), py::arg("indptr").noconvert(),
      py::arg("weight").noconvert(), py::arg("centers").noconvert(), py::arg("labels").noconvert(),
      py::arg("new_centers").noconvert(), py::arg("threads"), "The same for CSR rows.");
  m.def(
      "assign",
      [](const V& data, const J& indices, const J& indptr, const W& w, const V& centers,
         Array<Label>& labels, int threads) {
        return assign(csr_of<T, I>(data, indices, indptr, centers.shape(1), w), centers, labels,
                      threads);
      },
      py::arg("data").noconvert(), py::arg("indices").noconvert(), py::arg("indptr").noconvert(),
      py::arg("weight").noconvert(), py::arg("centers").noconvert(), py::arg("labels").noconvert(),
      py::arg("threads"), "The same for CSR rows.");
  m.def(
      "minibatch",
      [](const V& data, const J& indices, const J& indptr, const W& w, V& centers,
         Array<double>& counts, Array<Label>& labels, int threads) {
        return minibatch(csr_of<T, I>(data, indices, indptr, centers.shape(1), w), centers, counts,
                         labels, threads);
      },
      py::arg("data").noconvert(), py::arg("indices").noconvert(), py::arg("indptr").noconvert(),
      py::arg("weight").noconvert(), py::arg("centers").noconvert(), py::arg("counts").noconvert(),
      py::arg("labels").noconvert(), py::arg("threads"), "The same for CSR rows.");
  m.def(
      "distances",
      [](const V& data, const J& indices, const J& indptr, const V& centers, V& out, int threads) {
        distances(csr_of<T, I>(data, indices, indptr, centers.shape(1), std::nullopt), centers, out,
                  threads);
      },
      py::arg("data").noconvert(), py::arg("indices").noconvert(), py::arg("indptr").noconvert(),
      py::arg("centers").noconvert(), py::arg("out").noconvert(), py::arg("threads"),
      "The same for CSR rows.");
  m.def(
      "plusplus",
      [](const V& data, const J& indices, const J& indptr, Index columns, const W& w, Index k,
         Index trials, std::uint64_t seed, int threads, bool prune) {
        return plusplus(csr_of<T, I>(data, indices, indptr, columns, w), k, trials, seed, threads,
                        prune);
      },
      py::arg("data").noconvert(), py::arg("indices").noconvert(), py::arg("indptr").noconvert(),
      py::arg("columns"), py::arg("weight").noconvert(), py::arg("k"), py::arg("trials"),
      py::arg("seed"), py::arg("threads"), py::arg("prune") = true, "The same for CSR rows.");
}

}  // namespace

void bind_kmeans(py::module_& m) {
  bind_dense<float>(m);
  bind_dense<double>(m);
  bind_sparse<float, Index32>(m);
  bind_sparse<float, Index64>(m);
  bind_sparse<double, Index32>(m);
  bind_sparse<double, Index64>(m);
}

}  // namespace gibbous::bind
