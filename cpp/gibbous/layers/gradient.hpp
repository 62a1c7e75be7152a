// SPDX-License-Identifier: Apache-2.0
// The two phases of a gradient.
#pragma once
#include <algorithm>
#include <cmath>

#include "gibbous/layers/units.hpp"

namespace gibbous::layers {

// The rows of one phase: hidden probabilities times the factors of the rows (negative
// in the negative phase), and the visible states in the form that the product of the gradient
// needs.
template <class T>
struct Phase {
  Index rows = 0, visible = 0, hidden = 0;
  Index stride = 0;               // whole panels of rows; the product adds 32 at a time
  Buffer<T> p;                    // [hidden panel][stride][32], zero past `rows`
  std::vector<Chunk> turned;      // [row chunk][visible padded] if the states are binary
  Buffer<std::uint32_t> p_words;  // p for a matrix unit, or empty
  const Layer<T>* states = nullptr;
  const T* factor = nullptr;  // of every row
  bool flat = false;          // the states are binary and all rows have one factor
  Buffer<T> v, h;             // sums over the rows: factor * state (visible), p (hidden)
  Buffer<T> bias;             // sum of p times the length of the row for counts; else empty
  Buffer<T> square;           // sum of factor * (v - a)^2 for Gaussian units

  void resize(Index visible_, Index hidden_, Index capacity) {
    visible = visible_;
    hidden = hidden_;
    stride = panels_of(capacity) * kPanel;
    p.assign(static_cast<std::size_t>(panels_of(hidden) * stride * kPanel), T(0));
    turned.assign(static_cast<std::size_t>(stride / kPanel * panels_of(visible) * kPanel), 0);
    v.assign(static_cast<std::size_t>(panels_of(visible) * kPanel), T(0));
    h.assign(static_cast<std::size_t>(panels_of(hidden) * kPanel), T(0));
    square.assign(v.size(), T(0));
  }
  const T* panel(Index q) const { return p.data() + q * stride * kPanel; }

  // Allocates the probabilities of `count` rows.
  T* probabilities(Index count) {
    if (count < rows)
      for (Index q = 0; q < panels_of(hidden); ++q) {
        T* from = p.data() + q * stride * kPanel;
        std::fill(from + count * kPanel, from + rows * kPanel, T(0));
      }
    rows = count;
    return p.data();
  }

  // Sets what is known after the pass: its states and the factors of the rows. Call finish() for
  // all tasks in [0, tasks()) afterwards, in any order.
  void close(const Execution& run, const Layer<T>& seen, const T* factors);
  Index tasks() const { return panels_of(visible) + panels_of(hidden); }
  void finish(const Packed<T>& m, Index task);

  // Visible units d of all rows as a left operand, [unit][depth()].
  void widen(Range d, std::uint64_t name, LeftOperand& out) const;
  Index depth() const { return panels_of(rows) * kPanel; }

  // d log P / d b, without the other phase.
  const Buffer<T>& hidden_bias() const { return bias.empty() ? h : bias; }

 private:
  void sum_hidden(Index q);
  void sum_visible(Index panel);
  void sum_squares(const Packed<T>& m, Index panel);
  void turn_bits_of(Index panel);
};

template <class T>
void Phase<T>::close(const Execution& run, const Layer<T>& seen, const T* factors) {
  states = &seen;
  factor = factors;
  flat = seen.binary &&
         std::all_of(factors, factors + rows, [factors](T f) { return f == factors[0]; });
  if (!seen.lengths.empty()) bias.resize(h.size());
  if (sizeof(T) == 4 && run.tiles) p_words.resize(p.size());
}

template <class T>
void Phase<T>::finish(const Packed<T>& m, Index task) {
  const Index above = panels_of(hidden);
  if (task < above) return sum_hidden(task);
  const Index panel = task - above;
  if (states->binary) turn_bits_of(panel);
  sum_visible(panel);
  if (!m.z.empty()) sum_squares(m, panel);
}

// Both phases, in one parallel region.
template <class T>
void finish_phases(const Execution& run, const Packed<T>& m, Phase<T>& positive,
                   Phase<T>& negative) {
  const Index tasks = positive.tasks();
  parallel_tasks(run, 2 * tasks, [&](Index task, const Worker&) {
    if (task < tasks)
      positive.finish(m, task);
    else
      negative.finish(m, task - tasks);
  });
}

template <class T>
void Phase<T>::turn_bits_of(Index panel) {
  for (Index first = 0; first < rows; first += kPanel)
    turn_states(states->panel_bits(panel) + first, 0, std::min(kPanel, rows - first), 1,
                turned.data() + first / kPanel * panels_of(visible) * kPanel + panel * kPanel);
  const Index units = panels_of(visible) * kPanel;
  for (Index i = panel * kPanel; i < (panel + 1) * kPanel; ++i) {
    int on = 0;
    for (Index c = 0; c < panels_of(rows); ++c)
      on += __builtin_popcountll(turned[static_cast<std::size_t>(c * units + i)]);
    v[static_cast<std::size_t>(i)] = static_cast<T>(on);
  }
}

template <class T>
void Phase<T>::widen(Range d, std::uint64_t name, LeftOperand& out) const {
  if constexpr (sizeof(T) == 4) {
    if (out.holds == name) return;
    out.holds = name;
    const Index units = panels_of(visible) * kPanel;
    out.resize(d.end - d.begin, depth(), states->binary);
    alignas(64) T block[kPanel * kPanel], across[kPanel * kPanel];
    for (Index first = 0; first < rows; first += kPanel) {
      if (states->binary) {
        const Chunk* bits = turned.data() + first / kPanel * units;
        for (Index i = d.begin; i < d.end; ++i)
          tiles::widen_states(mask_of(bits[i]),
                              out.high.data() + tiles::place(depth(), i - d.begin, first));
        continue;
      }
      const Index count = std::min(kPanel, rows - first);
      std::fill(block + count * kPanel, block + kPanel * kPanel, T(0));
      for (Index panel = d.begin; panel < d.end; panel += kPanel) {
        for (Index r = 0; r < count; ++r)
          std::copy_n(states->row(first + r) + panel, kPanel, block + r * kPanel);
        transpose_block(block, across);
        for (Index i = 0; i < kPanel; ++i) {
          const Index at = tiles::place(depth(), panel - d.begin + i, first);
          tiles::split_left_all(across + i * kPanel, kPanel, out.high.data() + at,
                                out.low.data() + at);
        }
      }
    }
  }
}

template <class T>
void Phase<T>::sum_hidden(Index q) {
  constexpr int L = kLanes<T>;
  const T* from = panel(q);
  for (int j = 0; j < kPanel; j += L) {
    Vec<T> s{};
    for (Index r = 0; r < rows; ++r) s += load(from + r * kPanel + j);
    store(h.data() + q * kPanel + j, s);
    if (bias.empty()) continue;
    Vec<T> t{};
    for (Index r = 0; r < rows; ++r)
      t += load(from + r * kPanel + j) * states->lengths[static_cast<std::size_t>(r)];
    store(bias.data() + q * kPanel + j, t);
  }
  if constexpr (sizeof(T) == 4)
    if (!p_words.empty())
      tiles::split_all(from, panels_of(rows) * kPanel * kPanel,
                       p_words.data() + q * stride * kPanel);
}

// Bit by bit only if rows have weights: at 128 hidden units that took 7% of an epoch (Zen 3).
template <class T>
void Phase<T>::sum_visible(Index panel) {
  T* out = v.data() + panel * kPanel;
  if (flat) {  // the transposed states were counted
    for (Index j = 0; j < kPanel; ++j) out[j] *= factor[0];
    return;
  }
  std::fill(out, out + kPanel, T(0));
  for (Index r = 0; r < rows; ++r) {
    if (states->binary) {
      for (std::uint32_t m = mask_of(states->panel_bits(panel)[r]); m; m &= m - 1)
        out[__builtin_ctz(m)] += factor[r];
    } else {
      const T* row = states->row(r) + panel * kPanel;
      for (Index j = 0; j < kPanel; ++j) out[j] += factor[r] * row[j];
    }
  }
}

template <class T>
void Phase<T>::sum_squares(const Packed<T>& m, Index panel) {
  T* out = square.data() + panel * kPanel;
  std::fill(out, out + kPanel, T(0));
  const T* a = m.a.data() + panel * kPanel;
  const T* variance = m.variance.data() + panel * kPanel;
  for (Index r = 0; r < rows; ++r) {
    const T* row = states->row(r) + panel * kPanel;
    for (Index j = 0; j < kPanel; ++j) {
      const T away = row[j] * variance[j] - a[j];
      out[j] += factor[r] * away * away;
    }
  }
}

}  // namespace gibbous::layers
