// SPDX-License-Identifier: Apache-2.0
// Dense rows, used by mixtures and K-means.
#include <pybind11/stl.h>

#include <utility>

#include "bind/bind.hpp"

namespace gibbous::bind {
namespace {

template <class T>
BoundRows<T> dense_rows(Array<T> x, std::optional<Array<T>> weight) {
  expect(x.ndim() == 2, "x must have two dimensions");
  expect(!weight || weight->size() == x.shape(0), "weight must have one entry per row of x");
  const Rows<T> rows{x.data(), x.shape(0), x.shape(1), weight ? weight->data() : nullptr};
  return {std::move(x), std::move(weight), rows};
}

template <class T>
void bind_dense_rows(py::module_& m, const char* name) {
  py::class_<BoundRows<T>>(m, name, py::module_local(),
                           "Dense rows with optional weights; the arrays are not copied.");
  m.def("rows", &dense_rows<T>, py::arg("x").noconvert(),
        py::arg("weight").noconvert() = py::none(), "Dense rows in the precision of x.");
}

}  // namespace

void bind_rows(py::module_& m) {
  bind_dense_rows<double>(m, "Rows64");
  bind_dense_rows<float>(m, "Rows32");
}

}  // namespace gibbous::bind
