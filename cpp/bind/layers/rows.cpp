// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <tuple>

#include "bind/bind.hpp"
#include "bind/layers/arrays.hpp"
#include "gibbous/layers/hidden.hpp"

namespace gibbous::bind {
namespace {

template <class T>
using Csr = std::tuple<Array<T>, Array<Index32>, Array<Index64>>;

template <class T>
BoundRows<T> csr_rows(Index n, Index d, const Csr<T>& csr, layers::Source<T> x) {
  const auto& [data, indices, indptr] = csr;
  expect(data.size() == indices.size(), "indices must match data");
  expect(indptr.size() == n + 1, "indptr must have one entry a row and one more");
  const Index64* p = indptr.data();
  expect(p[0] == 0 && p[n] <= data.size(), "indptr must begin at 0 and end within data");
  for (Index i = 0; i < n; ++i) expect(p[i] <= p[i + 1], "indptr must not decrease");
  const Index32* j = indices.data();
  for (Index64 e = 0; e < p[n]; ++e)
    expect(j[e] >= 0 && j[e] < d, "indices must lie within the columns");
  x.data = data.data();
  x.indices = j;
  x.indptr = p;
  return {x, py::make_tuple(data, indices, indptr)};
}

template <class T>
void bind_rows(py::module_& m, const char* name) {
  using X = Array<T>;
  py::class_<BoundRows<T>>(m, name, py::module_local(), "Rows of visible states, not copied.")
      .def(py::init([](Index n, Index d, const std::optional<Array<std::uint32_t>>& bits,
                       const std::optional<Array<std::uint8_t>>& bytes,
                       const std::optional<X>& real, const std::optional<Csr<T>>& csr, T scale,
                       bool sample, bool ones, const std::optional<X>& weight) {
             expect(bits.has_value() + bytes.has_value() + real.has_value() + csr.has_value() == 1,
                    "give one of bits, bytes, real and csr");
             layers::Source<T> x;
             x.n = n;
             x.d = d;
             x.scale = scale;
             x.sample = sample;
             expect(!ones || (csr && !sample), "ones is for csr, and without sample");
             x.ones = ones;
             expect(!weight || weight->size() == n, "weight must have one entry a row");
             if (weight) x.weight = weight->data();
             BoundRows<T> rows;
             if (csr) {
               rows = csr_rows(n, d, *csr, x);
             } else if (bits) {
               expect(bits->size() == n * ((d + 31) / 32) && !sample,
                      "bits must be states of n rows");
               x.bits = bits->data();
               rows = {x, py::make_tuple(*bits)};
             } else if (bytes) {
               expect(bytes->size() == n * d, "bytes must have n rows of d");
               x.bytes = bytes->data();
               rows = {x, py::make_tuple(*bytes)};
             } else {
               expect(real->size() == n * d, "real must have n rows of d");
               x.real = real->data();
               rows = {x, py::make_tuple(*real)};
             }
             rows.owners = py::make_tuple(rows.owners, weight);
             return rows;
           }),
           py::arg("n"), py::arg("d"), py::kw_only(), py::arg("bits").noconvert() = py::none(),
           py::arg("bytes").noconvert() = py::none(), py::arg("real").noconvert() = py::none(),
           py::arg("csr").noconvert() = py::none(), py::arg("scale") = 1, py::arg("sample") = false,
           py::arg("ones") = false, py::arg("weight").noconvert() = py::none())
      .def_property_readonly("n", [](const BoundRows<T>& x) { return x.source.n; }, "Rows.");
  m.def(
      "hidden_means",
      [](const BoundRows<T>& x, const X& w, const X& a, const X& b, X& out, int threads,
         const std::optional<BoundUnits>& units, const std::optional<X>& z) {
        const Parameters<T> net = with_units(fixed_parameters<T>(x.source.d, w, a, b), units, z);
        expect_rows_of(x.source, net.units);
        T* o = out_of(out, x.source.n * net.hidden, "out must have a row a row, a column a unit");
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        layers::hidden_means(Execution{threads, &monitor}, x.source, net, o);
      },
      py::arg("x"), py::arg("w").noconvert(), py::arg("a").noconvert(), py::arg("b").noconvert(),
      py::arg("out").noconvert(), py::arg("threads"), py::arg("units") = py::none(),
      py::arg("z").noconvert() = py::none(), "E(h | v) of all rows.");
  m.def(
      "draw_hidden",
      [](const BoundRows<T>& x, const X& w, const X& a, const X& b, X& out, std::uint64_t seed,
         std::uint32_t step, int threads, const std::optional<BoundUnits>& units,
         const std::optional<X>& z) {
        const Parameters<T> net = with_units(fixed_parameters<T>(x.source.d, w, a, b), units, z);
        expect_rows_of(x.source, net.units);
        expect(!x.source.sample, "rows must be states or numbers");
        T* o = out_of(out, x.source.n * net.hidden, "out must have a row a row, a column a unit");
        PythonMonitor monitor;
        const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
        layers::draw_hidden(Execution{threads, &monitor}, x.source, net, seed, step, o);
      },
      py::arg("x"), py::arg("w").noconvert(), py::arg("a").noconvert(), py::arg("b").noconvert(),
      py::arg("out").noconvert(), py::arg("seed"), py::arg("step"), py::arg("threads"),
      py::arg("units") = py::none(), py::arg("z").noconvert() = py::none(),
      "Draws from P(h | v) of all rows.");
}

template <class V>
void bind_pack(py::module_& m) {
  m.def(
      "pack_states",
      [](const Array<V>& x, int threads) -> std::optional<Array<std::uint32_t>> {
        expect(x.ndim() == 2, "x must have two dimensions");
        Array<std::uint32_t> words({x.shape(0), (x.shape(1) + 31) / 32});
        std::uint32_t* w = words.mutable_data();
        PythonMonitor monitor;
        bool clean = false;
        {
          const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
          clean = layers::pack_states(Execution{threads, &monitor}, x.data(), x.shape(0),
                                      x.shape(1), w);
        }
        if (!clean) return std::nullopt;
        return words;
      },
      py::arg("x").noconvert(), py::arg("threads"),
      "Words of 32 states; None where an entry is neither 0 nor 1.");
}

}  // namespace

void bind_layers(py::module_& m) {
  py::class_<BoundUnits>(m, "Units", py::module_local(), "What the units of both layers are.")
      .def(py::init([](int visible, int hidden, const std::optional<Array<Index64>>& groups) {
             expect(visible >= 0 && visible <= 2, "visible must be 0 ... 2");
             expect(hidden >= 0 && hidden <= 1, "hidden must be 0 or 1");
             BoundUnits bound;
             bound.units.visible = static_cast<layers::Visible>(visible);
             bound.units.hidden = static_cast<layers::Hidden>(hidden);
             if (!groups) return bound;
             expect(groups->ndim() == 2 && groups->shape(1) == 2 && visible == 0,
                    "groups must be pairs of units, and go with units of two states");
             bound.groups = *groups;
             bound.units.n_groups = groups->shape(0);
             bound.units.groups = bound.groups.data();
             return bound;
           }),
           py::arg("visible"), py::arg("hidden"), py::arg("groups").noconvert() = py::none());
  bind_rows<float>(m, "Rows32");
  bind_rows<double>(m, "Rows64");
  bind_pack<std::uint8_t>(m);
  bind_pack<float>(m);
  bind_pack<double>(m);
}

}  // namespace gibbous::bind
