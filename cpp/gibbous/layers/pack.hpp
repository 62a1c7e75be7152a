// SPDX-License-Identifier: Apache-2.0
// Conversion between the arrays of the caller and the panels that the kernels work on.
#pragma once
#include <cmath>

#include "gibbous/ground/transpose.hpp"
#include "gibbous/layers/layer.hpp"
#include "gibbous/layers/parameters.hpp"

namespace gibbous::layers {

// The parameters in panels: up (visible to hidden), down (hidden to visible); biases are padded.
template <class T>
struct Packed {
  Index visible = 0, hidden = 0;
  Weights<T> up, down;
  Buffer<T> a, b;
  Units units;
  Buffer<T> z;                               // Gaussian units: log variances, and values
  Buffer<T> variance, deviation, precision;  // derived from them; 0 in the padding

  void set_variances() {
    for (std::size_t i = 0; i < static_cast<std::size_t>(visible); ++i) {
      variance[i] = std::exp(z[i]);
      deviation[i] = std::exp(z[i] / T(2));
      precision[i] = std::exp(-z[i]);
    }
  }
};

// to[32 * i + j] = from[32 * j + i] for a block of 32 by 32.
template <class T>
inline void transpose_block(const T* from, T* to) {
  constexpr int L = kLanes<T>;
  for (Index i = 0; i < kPanel; i += L)
    for (Index j = 0; j < kPanel; j += L) {
      Vec<T> r[L];
      GIBBOUS_UNROLL
      for (int k = 0; k < L; ++k) r[k] = load(from + (i + k) * kPanel + j);
      gibbous::detail::transpose_stage<T, L / 2>(r);
      GIBBOUS_UNROLL
      for (int k = 0; k < L; ++k) store(to + (j + k) * kPanel + i, r[k]);
    }
}

// The transpose of `from`, with its layers exchanged, into `to`.
template <class T>
void turn_weights(const Execution& run, const Weights<T>& from, Weights<T>& to) {
  const Index rows = panels_of(from.from), columns = panels_of(from.to);
  parallel_tasks(run, columns, [&](Index p, const Worker&) {
    for (Index i = 0; i < rows; ++i)
      transpose_block(from.panel(p) + i * kPanel * kPanel, to.panel(i) + p * kPanel * kPanel);
  });
}

// (hidden, visible) row-major to panels from the visible to the hidden layer, and back.
template <class T>
void pack_weights(const Execution& run, const T* w, Weights<T>& up) {
  parallel_tasks(run, panels_of(up.to), [&](Index p, const Worker&) {
    T* panel = up.panel(p);
    const Index count = std::min(kPanel, up.to - p * kPanel);
    for (Index j = 0; j < count; ++j) {
      const T* row = w + (p * kPanel + j) * up.from;
      for (Index i = 0; i < up.from; ++i) panel[i * kPanel + j] = row[i];
    }
  });
}

template <class T>
void unpack_weights(const Execution& run, const Weights<T>& up, T* w) {
  parallel_tasks(run, panels_of(up.to), [&](Index p, const Worker&) {
    const T* panel = up.panel(p);
    const Index count = std::min(kPanel, up.to - p * kPanel);
    for (Index j = 0; j < count; ++j) {
      T* row = w + (p * kPanel + j) * up.from;
      for (Index i = 0; i < up.from; ++i) row[i] = panel[i * kPanel + j];
    }
  });
}

// Writes the words of all weights for the matrix unit, if there is one.
template <class T>
void split_weights(const Execution& run, Weights<T>& w) {
  if (sizeof(T) != 4 || !run.tiles) return;
  w.words.resize(w.w.size());
  parallel_tasks(run, panels_of(w.to), [&](Index p, const Worker&) { w.split(p); });
}

template <class T>
Buffer<T> padded(const T* x, Index n, T padding) {
  Buffer<T> out(static_cast<std::size_t>(panels_of(n) * kPanel), padding);
  std::copy(x, x + n, out.begin());
  return out;
}

template <class T>
Packed<T> pack(const Execution& run, const Parameters<T>& net) {
  Packed<T> m;
  m.visible = net.visible;
  m.hidden = net.hidden;
  m.up.resize(net.visible, net.hidden);
  m.down.resize(net.hidden, net.visible);
  pack_weights(run, net.w, m.up);
  turn_weights(run, m.up, m.down);
  m.units = net.units;
  m.a = padded(net.a, net.visible, net.z ? T(0) : kOff<T>);
  m.b = padded(net.b, net.hidden, kOff<T>);
  if (net.z) {
    m.z = m.variance = m.deviation = m.precision = padded(net.z, net.visible, T(0));
    m.set_variances();
  }
  return m;
}

// The same for passes that sample: weights with 17 bits are precise enough.
template <class T>
Packed<T> pack_for_sampling(const Execution& run, const Parameters<T>& net) {
  Packed<T> m = pack(run, net);
  split_weights(run, m.up);
  split_weights(run, m.down);
  return m;
}

// The states of `count` rows of numbers 0 and 1 (row stride `units`) to a layer, and back.
template <class T>
void pack_bits(const T* x, Index count, Layer<T>& layer) {
  layer.rows = count;
  for (Index p = 0; p < layer.panels(); ++p) {
    const Index first = p * kPanel, units = std::min(kPanel, layer.units - first);
    for (Index r = 0; r < count; ++r) {
      std::uint32_t mask = 0;
      for (Index j = 0; j < units; ++j)
        mask |= static_cast<std::uint32_t>(x[r * layer.units + first + j] != T(0)) << j;
      layer.panel_bits(p)[r] = chunk_of(mask);
    }
  }
}

template <class T>
void unpack_bits(const Layer<T>& layer, T* x) {
  for (Index p = 0; p < layer.panels(); ++p) {
    const Index first = p * kPanel, units = std::min(kPanel, layer.units - first);
    for (Index r = 0; r < layer.rows; ++r) {
      const std::uint32_t mask = mask_of(layer.panel_bits(p)[r]);
      for (Index j = 0; j < units; ++j) x[r * layer.units + first + j] = T(mask >> j & 1);
    }
  }
}

// The same for layers of any kind of unit.
template <class T>
void put_states(const T* x, Index count, Layer<T>& layer) {
  if (layer.binary) return pack_bits(x, count, layer);
  layer.rows = count;
  for (Index r = 0; r < count; ++r)
    std::copy(x + r * layer.units, x + (r + 1) * layer.units, layer.row(r));
}

template <class T>
void give_states(const Layer<T>& layer, T* x) {
  if (layer.binary) return unpack_bits(layer, x);
  for (Index r = 0; r < layer.rows; ++r)
    std::copy(layer.row(r), layer.row(r) + layer.units, x + r * layer.units);
}

}  // namespace gibbous::layers
