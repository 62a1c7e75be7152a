// SPDX-License-Identifier: Apache-2.0
// What the bindings of layers and machines share: rows, kinds of units, parameters.
#pragma once
#include <optional>

#include "bind/bind.hpp"
#include "gibbous/layers/parameters.hpp"
#include "gibbous/layers/source.hpp"

namespace gibbous::bind {

using layers::Parameters;

// Rows of a source with the arrays that hold them.
template <class T>
struct BoundRows {
  layers::Source<T> source;
  py::tuple owners;
};

template <class T>
Parameters<T> parameters_of(Index d, Array<T>& w, Array<T>& a, Array<T>& b) {
  expect(w.ndim() == 2 && w.shape(1) == d, "w must have one column a visible unit");
  const Index hidden = w.shape(0);
  return {d, hidden, w.mutable_data(), out_of(a, d, "a must have one entry a visible unit"),
          out_of(b, hidden, "b must have one entry a hidden unit")};
}

// The kernels that read parameters only take them as they are, read-only arrays included.
template <class T>
Parameters<T> fixed_parameters(Index d, const Array<T>& w, const Array<T>& a, const Array<T>& b) {
  expect(w.ndim() == 2 && w.shape(1) == d && a.size() == d && b.size() == w.shape(0),
         "w, a and b must belong to one machine with d visible units");
  return {d, w.shape(0), const_cast<T*>(w.data()), const_cast<T*>(a.data()),
          const_cast<T*>(b.data())};
}

// What the units are, with the array that holds the groups.
struct BoundUnits {
  layers::Units units;
  Array<Index64> groups;
};

// Adds to a machine what is not of two states; nothing without `units`.
template <class T>
Parameters<T> with_units(Parameters<T> net, const std::optional<BoundUnits>& units,
                         const std::optional<Array<T>>& z) {
  if (units) net.units = units->units;
  expect((net.units.visible == layers::Visible::gaussian) == z.has_value(),
         "z goes with Gaussian units");
  expect(!z || z->size() == net.visible, "z must have one entry a visible unit");
  if (z) net.z = const_cast<T*>(z->data());
  const Index64* g = net.units.groups;
  Index64 last = 0;
  for (Index i = 0; i < net.units.n_groups; ++i, g += 2) {
    expect(last <= g[0] && g[0] < g[1] && g[1] <= net.visible,
           "groups must ascend, not overlap, and lie within the visible units");
    last = g[1];
  }
  return net;
}

// Rows must be numbers where the units are, or the passes would look for bits.
template <class T>
void expect_rows_of(const layers::Source<T>& x, const layers::Units& units) {
  expect(units.visible == layers::Visible::binary || !x.binary(),
         "rows of counts and of Gaussian units must be numbers");
}

}  // namespace gibbous::bind
