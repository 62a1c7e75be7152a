// SPDX-License-Identifier: Apache-2.0
// Shared by the bindings of layers and machines: rows, kinds of units, parameters.
#pragma once
#include <optional>
#include <tuple>
#include <variant>

#include "bind/bind.hpp"
#include "gibbous/layers/parameters.hpp"
#include "gibbous/layers/source.hpp"

namespace gibbous::bind {

using layers::Parameters;

template <class T>
using CsrArrays = std::tuple<Array<T>, Array<Index32>, Array<Index64>>;  // data, indices, indptr

// Words of 32 states, bytes, numbers, or numbers in CSR form.
template <class T>
using States = std::variant<Array<std::uint32_t>, Array<std::uint8_t>, Array<T>, CsrArrays<T>>;

// Rows of a source with the arrays that hold them.
template <class T>
struct BoundSource {
  layers::Source<T> source;
  States<T> states;
  std::optional<Array<T>> weight;
};

// The kinds of the units, with the array that holds the groups.
struct BoundUnits {
  layers::Units units;
  Array<Index64> groups;
};

// The parameters between two layers, with validated sizes, and the arrays that hold them.
template <class T>
struct BoundParameters {
  Parameters<T> net;
  Array<T> w, a, b;
  std::optional<BoundUnits> units;
  std::optional<Array<T>> z;
};

// The parameters for kernels that modify them; throws for read-only arrays. Kernels that only read
// parameters use `net`, so that they accept such arrays.
template <class T>
Parameters<T> writable(BoundParameters<T>& bound) {
  bound.w.mutable_data();
  bound.a.mutable_data();
  bound.b.mutable_data();
  if (bound.z) bound.z->mutable_data();
  return bound.net;
}

// The parameters for rows; throws if the rows do not match them.
template <class T>
const Parameters<T>& parameters_for(const layers::Source<T>& x, const BoundParameters<T>& bound) {
  expect(x.d == bound.net.visible, "x must have one column per visible unit");
  // otherwise the passes would read bits
  expect(bound.net.units.visible == layers::Visible::binary || !x.binary(),
         "rows of counts and of Gaussian units must be numbers");
  return bound.net;
}

}  // namespace gibbous::bind
