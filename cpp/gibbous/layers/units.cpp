// SPDX-License-Identifier: Apache-2.0
// The pass down to visible units that are not drawn independently: groups and counts.
#include "gibbous/layers/units.hpp"

namespace gibbous::layers {
namespace {

// Rows per task: whole pairs of draws.
constexpr Index kRowsOfTask = 16;

template <class Body>
void by_rows(const Execution& run, Index rows, Body&& body) {
  parallel_tasks(run, (rows + kRowsOfTask - 1) / kRowsOfTask, [&](Index task, const Worker&) {
    body(task * kRowsOfTask, std::min(rows, (task + 1) * kRowsOfTask));
  });
}

// line [n padded]: replaces logits (kOff in the padding) by weights exp(x - max).
template <class T>
void to_weights(T* line, Index n) {
  constexpr int L = kLanes<T>;
  T most = kOff<T>;
  for (Index i = 0; i < n; ++i) most = std::max(most, line[i]);
  for (Index i = 0; i < n; i += L) store(line + i, vexp<T>(load(line + i) - most));
}

// The first index at which the cumulative sum of the weights exceeds `share` of the total.
template <class T>
Index choose(const T* weights, Index n, double share) {
  double total = 0;
  for (Index i = 0; i < n; ++i) total += static_cast<double>(weights[i]);
  const double goal = share * total;
  double sum = 0;
  Index last = 0;
  for (Index i = 0; i < n; ++i) {
    if (weights[i] <= T(0)) continue;
    sum += static_cast<double>(weights[i]);
    last = i;
    if (sum > goal) break;
  }
  return last;
}

double uniform24(std::uint32_t word) { return (word >> 8) * 0x1p-24 + 0x1p-25; }
double uniform32(std::uint32_t word) { return word * 0x1p-32 + 0x1p-33; }

}  // namespace

template <class T>
void ready_rows(const Execution& run, const Packed<T>& m, Layer<T>& v) {
  if (visible_bits(m)) return;
  const bool counts = m.units.visible == Visible::counts;
  if (counts) v.lengths.resize(static_cast<std::size_t>(v.capacity));
  by_rows(run, v.rows, [&](Index first, Index end) {
    for (Index r = first; r < end; ++r) {
      T* row = v.row(r);
      if (counts) {
        double sum = 0;
        for (Index i = 0; i < v.units; ++i) sum += static_cast<double>(row[i]);
        v.lengths[static_cast<std::size_t>(r)] = static_cast<T>(sum);
      } else {
        for (Index i = 0; i < v.units; ++i) row[i] *= m.precision[static_cast<std::size_t>(i)];
      }
    }
  });
}

template <class T>
void Descent<T>::operator()(const Execution& run, const Layer<T>& h, const Packed<T>& m,
                            Target<T> target, Scratches<T>& scratch, Clamp<T> clamp) {
  const bool groups = m.units.n_groups > 0, counts = m.units.visible == Visible::counts;
  Layer<T>& v = *target.states;
  v.rows = h.rows;
  if (groups || counts) {
    rows_ = h.rows;
    inputs_.resize(static_cast<std::size_t>(panels_of(m.visible) * rows_ * kPanel));
    target.inputs = inputs_.data();
    target.input_rows = rows_;
  }
  if (counts) target.kind = Kind::inputs;
  if (m.units.visible == Visible::gaussian) {
    target.kind = Kind::gaussian;
    target.deviation = m.deviation.data();
    target.precision = m.precision.data();
  }
  pass(run, h, m.down, scratch, target);
  if (groups) draw_groups(run, m, target);
  if (counts) draw_counts(run, m, target, clamp);
  if (clamp.known && !counts) hold(m, v, clamp);
}

template <class T>
void Descent<T>::gather(Index row, Index begin, Index end, T* out) const {
  for (Index i = begin; i < end;) {
    const Index p = i / kPanel, stop = std::min(end, (p + 1) * kPanel);
    const T* from = inputs_.data() + (p * rows_ + row) * kPanel - p * kPanel;
    std::copy(from + i, from + stop, out + (i - begin));
    i = stop;
  }
}

// One unit of every group is on, drawn with the number that its first unit would use.
template <class T>
void Descent<T>::draw_groups(const Execution& run, const Packed<T>& m, const Target<T>& target) {
  Layer<T>& v = *target.states;
  Index widest = 0;
  for (Index g = 0; g < m.units.n_groups; ++g)
    widest = std::max<Index>(widest, m.units.groups[2 * g + 1] - m.units.groups[2 * g]);
  by_rows(run, rows_, [&](Index first, Index end) {
    Buffer<T> line(static_cast<std::size_t>(panels_of(widest) * kPanel));
    alignas(64) std::uint32_t words[kGroupWords];
    for (Index r = first; r < end; ++r) {
      Index drawn = -1;
      for (Index g = 0; g < m.units.n_groups; ++g) {
        const Index begin = m.units.groups[2 * g], n = m.units.groups[2 * g + 1] - begin;
        std::fill(line.begin(), line.end(), kOff<T>);
        gather(r, begin, begin + n, line.data());
        to_weights(line.data(), n);
        if (begin / kPanel != drawn) target.draws->pair(r / 2, drawn = begin / kPanel, words);
        const double u = uniform24(words[r % 2 * kPanel + begin % kPanel]);
        const Index one = begin + choose(line.data(), n, u);
        for (Index i = begin; i < begin + n; ++i)
          v.panel_bits(i / kPanel)[r] &= ~chunk_of(1u << i % kPanel);
        v.panel_bits(one / kPanel)[r] |= chunk_of(1u << one % kPanel);
        if (!target.probabilities) continue;
        double total = 0;
        for (Index i = 0; i < n; ++i)
          total += static_cast<double>(line[static_cast<std::size_t>(i)]);
        for (Index i = begin; i < begin + n; ++i)
          target.probabilities[(i / kPanel * target.stride + r) * kPanel + i % kPanel] =
              static_cast<T>(static_cast<double>(line[static_cast<std::size_t>(i - begin)]) /
                             total);
      }
    }
  });
}

// As many draws as the length of the row. Clamped counts use up their share of the length.
template <class T>
void Descent<T>::draw_counts(const Execution& run, const Packed<T>& m, const Target<T>& target,
                             Clamp<T> clamp) {
  Layer<T>& v = *target.states;
  const auto size = static_cast<std::size_t>(panels_of(m.visible) * kPanel);
  by_rows(run, rows_, [&](Index first, Index end) {
    Buffer<T> line(size);
    std::vector<double> sums(static_cast<std::size_t>(m.visible));
    alignas(64) std::uint32_t words[kGroupWords];
    for (Index r = first; r < end; ++r) {
      T* row = v.row(r);
      std::fill(line.begin(), line.end(), kOff<T>);
      gather(r, 0, m.visible, line.data());
      std::fill(row, row + v.width(), T(0));
      double left = static_cast<double>(v.lengths[static_cast<std::size_t>(r)]);
      if (clamp.known)
        for (Index i = 0; i < m.visible; ++i) {
          const T known = clamp.known[r * m.visible + i];
          if (!(known == known)) continue;
          row[i] = known;
          left -= static_cast<double>(known);
          line[static_cast<std::size_t>(i)] = kOff<T>;
        }
      to_weights(line.data(), m.visible);
      double total = 0;
      for (Index i = 0; i < m.visible; ++i)
        sums[static_cast<std::size_t>(i)] = total +=
            static_cast<double>(line[static_cast<std::size_t>(i)]);
      if (target.probabilities)
        for (Index i = 0; i < m.visible; ++i)
          target.probabilities[(i / kPanel * target.stride + r) * kPanel + i % kPanel] =
              row[i] +
              static_cast<T>(left * static_cast<double>(line[static_cast<std::size_t>(i)]) / total);
      for (Index draw = 0; static_cast<double>(draw) < left - 0.5; ++draw) {
        // elsewhere pairs of rows share the draws of a panel; a row of counts has its own
        if (draw % kGroupWords == 0) target.draws->pair(r, draw / kGroupWords, words);
        const double goal = uniform32(words[draw % kGroupWords]) * total;
        const auto place = std::upper_bound(sums.begin(), sums.end(), goal);
        row[std::min<Index>(place - sums.begin(), m.visible - 1)] += T(1);
      }
    }
  });
}

template <class T>
void Descent<T>::hold(const Packed<T>& m, Layer<T>& v, Clamp<T> clamp) {
  for (Index r = 0; r < v.rows; ++r)
    for (Index i = 0; i < m.visible; ++i) {
      const T known = clamp.known[r * m.visible + i];
      if (!(known == known)) continue;
      if (v.binary) {
        const Chunk bit = chunk_of(1u << i % kPanel);
        Chunk& states = v.panel_bits(i / kPanel)[r];
        states = known > T(0) ? states | bit : states & ~bit;
      } else {
        v.row(r)[i] = known * m.precision[static_cast<std::size_t>(i)];
      }
    }
}

template void ready_rows<float>(const Execution&, const Packed<float>&, Layer<float>&);
template void ready_rows<double>(const Execution&, const Packed<double>&, Layer<double>&);
template class Descent<float>;
template class Descent<double>;

}  // namespace gibbous::layers
