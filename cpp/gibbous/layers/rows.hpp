// SPDX-License-Identifier: Apache-2.0
// Rows of a source, a block at a time, and the contribution of the hidden units to the free energy.
#pragma once
#include "gibbous/layers/source.hpp"
#include "gibbous/layers/units.hpp"

namespace gibbous::layers {

// Loads rows of the source, `rows[0 .. count)` or, if null, first ..., into a layer, which is
// binary exactly if the source is. `draws` are used for sources whose numbers are probabilities.
template <class T>
void load_rows_of(const Execution& run, const Source<T>& x, const Index64* rows, Index first,
                  Index count, const StateDraws* draws, Layer<T>& out);

// Rows processed at a time: a few megabytes of states.
inline constexpr Index kRowsAtOnce = 1024;

template <class T, class Body>
void by_blocks(const Execution& run, const Source<T>& x, const Packed<T>& m, Body&& body) {
  Layer<T> v;
  v.resize(m.visible, std::min(kRowsAtOnce, std::max<Index>(x.n, 1)),
           x.binary() && visible_bits(m));
  for (Index first = 0; first < x.n; first += kRowsAtOnce) {
    if (run.monitor) run.monitor->poll();
    load_rows_of(run, x, nullptr, first, std::min(kRowsAtOnce, x.n - first), nullptr, v);
    ready_rows(run, m, v);
    body(v, first);
  }
}

// The factor on the hidden biases for a row.
template <class T>
T bias_times(const Layer<T>& v, Index row) {
  return v.lengths.empty() ? T(1) : v.lengths[static_cast<std::size_t>(row)];
}

// Sum over the first `units` of a panel of log sum_h exp(h * input), in double, because the free
// energies of large layers have small differences.
template <class T>
double hidden_term(const Packed<T>& m, const T* input, Index units) {
  constexpr int L = kLanes<T>;
  double total = 0;
  const bool stepped = m.units.hidden == Hidden::stepped;
  for (Index j = 0; j < units; j += L) {
    const Vec<T> x = load(input + j), s = stepped ? step_softplus<T>(x) : softplus<T>(x);
    for (int i = 0; i < L && j + i < units; ++i) total += static_cast<double>(s[i]);
  }
  return total;
}

}  // namespace gibbous::layers
