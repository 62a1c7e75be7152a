// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include <utility>

#include "bind/bind.hpp"
#include "bind/layers/arrays.hpp"
#include "gibbous/layers/hidden.hpp"

namespace gibbous::bind {
namespace {

template <class T>
void refer(layers::Source<T>& x, const Array<std::uint32_t>& bits) {
  expect(bits.size() == x.n * ((x.d + 31) / 32) && !x.sample, "bits must be states of n rows");
  x.bits = bits.data();
}

template <class T>
void refer(layers::Source<T>& x, const Array<std::uint8_t>& bytes) {
  expect(bytes.size() == x.n * x.d, "bytes must have n rows of d");
  x.bytes = bytes.data();
}

template <class T>
void refer(layers::Source<T>& x, const Array<T>& real) {
  expect(real.size() == x.n * x.d, "numbers must have n rows of d");
  x.real = real.data();
}

template <class T>
void refer(layers::Source<T>& x, const CsrArrays<T>& csr) {
  const auto& [data, indices, indptr] = csr;
  expect(data.size() == indices.size(), "indices must match data");
  expect(indptr.size() == x.n + 1, "indptr must have one entry per row and one more");
  const Index64* p = indptr.data();
  expect(p[0] == 0 && p[x.n] <= data.size(), "indptr must begin at 0 and end within data");
  for (Index i = 0; i < x.n; ++i) expect(p[i] <= p[i + 1], "indptr must not decrease");
  const Index32* j = indices.data();
  for (Index64 e = 0; e < p[x.n]; ++e)
    expect(j[e] >= 0 && j[e] < x.d, "indices must lie within the columns");
  x.data = data.data();
  x.indices = j;
  x.indptr = p;
}

template <class T>
BoundSource<T> make_source(Index n, Index d, States<T> states, T scale, bool sample, bool ones,
                           std::optional<Array<T>> weight) {
  expect(!ones || (std::holds_alternative<CsrArrays<T>>(states) && !sample),
         "ones is for compressed rows, and without sample");
  expect(!weight || weight->size() == n, "weight must have one entry per row");
  layers::Source<T> x;
  x.n = n;
  x.d = d;
  x.scale = scale;
  x.sample = sample;
  x.ones = ones;
  if (weight) x.weight = weight->data();
  std::visit([&x](const auto& arrays) { refer(x, arrays); }, states);
  return {x, std::move(states), std::move(weight)};
}

// Throws unless groups ascend, do not overlap, and lie within the visible units.
void expect_groups(const layers::Units& units, Index visible) {
  const Index64* g = units.groups;
  Index64 last = 0;
  for (Index i = 0; i < units.n_groups; ++i, g += 2) {
    expect(last <= g[0] && g[0] < g[1] && g[1] <= visible,
           "groups must ascend, not overlap, and lie within the visible units");
    last = g[1];
  }
}

template <class T>
BoundParameters<T> make_parameters(Array<T> w, Array<T> a, Array<T> b,
                                   std::optional<BoundUnits> units, std::optional<Array<T>> z) {
  expect(w.ndim() == 2 && w.shape(1) == a.size() && w.shape(0) == b.size(),
         "w, a and b must belong to one machine: (hidden, visible), (visible,) and (hidden,)");
  Parameters<T> net{w.shape(1), w.shape(0), const_cast<T*>(w.data()), const_cast<T*>(a.data()),
                    const_cast<T*>(b.data())};
  if (units) net.units = units->units;
  expect((net.units.visible == layers::Visible::gaussian) == z.has_value(),
         "z goes with Gaussian units");
  expect(!z || z->size() == net.visible, "z must have one entry per visible unit");
  if (z) net.z = const_cast<T*>(z->data());
  expect_groups(net.units, net.visible);
  return {net, std::move(w), std::move(a), std::move(b), std::move(units), std::move(z)};
}

template <class T>
void hidden_means(const BoundSource<T>& x, const BoundParameters<T>& parameters, Array<T>& out,
                  int threads) {
  const Parameters<T>& net = parameters_for(x.source, parameters);
  T* o = out_of(out, x.source.n * net.hidden, "out must have shape (n_rows, n_hidden)");
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  layers::hidden_means(Execution{threads, &monitor}, x.source, net, o);
}

template <class T>
void draw_hidden(const BoundSource<T>& x, const BoundParameters<T>& parameters, Array<T>& out,
                 std::uint64_t seed, std::uint32_t step, int threads) {
  const Parameters<T>& net = parameters_for(x.source, parameters);
  expect(!x.source.sample, "rows must be states or numbers");
  T* o = out_of(out, x.source.n * net.hidden, "out must have shape (n_rows, n_hidden)");
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  layers::draw_hidden(Execution{threads, &monitor}, x.source, net, seed, step, o);
}

template <class T>
void bind_layers_for(py::module_& m, const char* rows, const char* parameters) {
  py::class_<BoundSource<T>>(m, rows, py::module_local(), "Rows of visible states, not copied.")
      .def(py::init(&make_source<T>), py::arg("n"), py::arg("d"), py::arg("states").noconvert(),
           py::kw_only(), py::arg("scale") = 1, py::arg("sample") = false, py::arg("ones") = false,
           py::arg("weight").noconvert() = py::none())
      .def_property_readonly("n", [](const BoundSource<T>& x) { return x.source.n; }, "Rows.");
  py::class_<BoundParameters<T>>(m, parameters, py::module_local(),
                                 "Parameters between two layers; the arrays are not copied.");
  m.def("parameters", &make_parameters<T>, py::arg("w").noconvert(), py::arg("a").noconvert(),
        py::arg("b").noconvert(), py::arg("units") = py::none(),
        py::arg("z").noconvert() = py::none(),
        "Weights, visible and hidden biases; z are log variances of Gaussian units.");
  m.def("hidden_means", &hidden_means<T>, py::arg("x"), py::arg("parameters"),
        py::arg("out").noconvert(), py::arg("threads"), "E(h | v) of all rows.");
  m.def("draw_hidden", &draw_hidden<T>, py::arg("x"), py::arg("parameters"),
        py::arg("out").noconvert(), py::arg("seed"), py::arg("step"), py::arg("threads"),
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

BoundUnits make_units(int visible, int hidden, const std::optional<Array<Index64>>& groups) {
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
}

}  // namespace

void bind_layers(py::module_& m) {
  py::class_<BoundUnits>(m, "Units", py::module_local(), "What the units of both layers are.")
      .def(py::init(&make_units), py::arg("visible"), py::arg("hidden"),
           py::arg("groups").noconvert() = py::none());
  bind_layers_for<float>(m, "Rows32", "Parameters32");
  bind_layers_for<double>(m, "Rows64", "Parameters64");
  bind_pack<std::uint8_t>(m);
  bind_pack<float>(m);
  bind_pack<double>(m);
}

}  // namespace gibbous::bind
