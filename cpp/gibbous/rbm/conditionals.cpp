// SPDX-License-Identifier: Apache-2.0
// One visible variable given all others: pseudo-likelihoods, and the labels of a classifier.
#include <limits>

#include "gibbous/layers/rows.hpp"
#include "gibbous/rbm/machine.hpp"

namespace gibbous::rbm {
namespace {

// Nodes of the quadrature of a density; beyond that the step grows, and so does the error.
constexpr Index kMostPoints = 4096;

// Accumulates log(exp(x) + ...) one term at a time.
class LogSum {
 public:
  void add(double x) {
    if (x > most_) {
      sum_ = sum_ * std::exp(most_ - x) + 1.0;
      most_ = x;
    } else {
      sum_ += std::exp(x - most_);
    }
  }
  double value() const { return most_ + std::log(sum_); }

 private:
  double most_ = -std::numeric_limits<double>::infinity(), sum_ = 0;
};

// Rows with the inputs of their hidden units.
template <class T>
class Inputs {
 public:
  Inputs(const Packed<T>& m)
      : m_(m),
        width_(panels_of(m.hidden) * kPanel),
        x_(static_cast<std::size_t>(kRowsAtOnce * width_)) {}

  void fill(const Execution& run, const Layer<T>& v, Scratches<T>& scratch) {
    pass(run, v, m_.up, scratch, [&](Index p, Index first, Index count, const T* sums) {
      for (Index r = 0; r < count; ++r, sums += kPanel) {
        const T times = bias_times(v, first + r);
        T* to = row(first + r) + p * kPanel;
        for (Index j = 0; j < kPanel; ++j)
          to[j] = sums[j] + m_.b[static_cast<std::size_t>(p * kPanel + j)] * times;
      }
    });
  }
  T* row(Index r) { return x_.data() + r * width_; }

  // row += t * (weights of visible unit i).
  void shift(T* row, Index i, T t) const {
    for (Index p = 0; p < panels_of(m_.hidden); ++p) {
      const T* w = m_.up.panel(p) + i * kPanel;
      for (Index j = 0; j < kPanel; ++j) row[p * kPanel + j] += t * w[j];
    }
  }
  // sum_j log sum_h exp(h (row_j + t W_ji)).
  double term(const T* row, Index i, T t) const {
    double total = 0;
    alignas(64) T moved[kPanel];
    for (Index p = 0; p < panels_of(m_.hidden); ++p) {
      const T* w = m_.up.panel(p) + i * kPanel;
      for (Index j = 0; j < kPanel; ++j) moved[j] = row[p * kPanel + j] + t * w[j];
      total += hidden_term(m_, moved, std::min(kPanel, m_.hidden - p * kPanel));
    }
    return total;
  }

 private:
  const Packed<T>& m_;
  Index width_;
  Buffer<T> x_;
};

template <class T>
T state_of(const Layer<T>& v, Index row, Index i) {
  if (v.binary) return T(mask_of(v.panel_bits(i / kPanel)[row]) >> i % kPanel & 1);
  return v.row(row)[i];
}

// The group that starts at unit i, or -1.
Index group_at(const Units& units, Index i) {
  for (Index g = 0; g < units.n_groups; ++g)
    if (units.groups[2 * g] == i) return g;
  return -1;
}

// Units begin ... end - 1, of which one is on: log P of that one.
template <class T>
double of_group(const Packed<T>& m, const Inputs<T>& inputs, const Layer<T>& v, Index r, T* x,
                Index begin, Index end) {
  Index seen = begin;
  for (Index i = begin; i < end; ++i)
    if (state_of(v, r, i) > T(0)) {
      inputs.shift(x, i, T(-1));
      seen = i;
    }
  LogSum all;
  double own = 0;
  for (Index i = begin; i < end; ++i) {
    const double value =
        static_cast<double>(m.a[static_cast<std::size_t>(i)]) + inputs.term(x, i, T(1));
    all.add(value);
    if (i == seen) own = value;
  }
  return own - all.value();
}

// One of the draws of the row, which is unit i.
template <class T>
double of_count(const Packed<T>& m, const Inputs<T>& inputs, T* x, Index i) {
  inputs.shift(x, i, T(-1));
  LogSum all;
  double own = 0;
  for (Index k = 0; k < m.visible; ++k) {
    const double value =
        static_cast<double>(m.a[static_cast<std::size_t>(k)]) + inputs.term(x, k, T(1));
    all.add(value);
    if (k == i) own = value;
  }
  return own - all.value();
}

template <class T>
double of_binary(const Packed<T>& m, const Inputs<T>& inputs, const T* x, Index i, T state) {
  const T turn = T(1) - state - state;
  const double here = inputs.term(x, i, T(0));
  const double there =
      inputs.term(x, i, turn) +
      static_cast<double>(turn) * static_cast<double>(m.a[static_cast<std::size_t>(i)]);
  LogSum both;
  both.add(here);
  both.add(there);
  return here - both.value();
}

// The range of the means a_i + sum_j h_j W_ji over the hidden states that are likely given x.
template <class T>
void span_of(const Packed<T>& m, const T* x, Index i, double (&ends)[2]) {
  ends[0] = ends[1] = static_cast<double>(m.a[static_cast<std::size_t>(i)]);
  for (Index p = 0; p < panels_of(m.hidden); ++p) {
    const T* w = m.up.panel(p) + i * kPanel;
    for (Index j = 0; j < std::min(kPanel, m.hidden - p * kPanel); ++j) {
      double most = 1;
      if (m.units.hidden == Hidden::stepped)
        most = 6 + std::max(0.0, static_cast<double>(x[p * kPanel + j]));
      ends[w[j] > T(0)] += most * static_cast<double>(w[j]);
    }
  }
}

template <class T>
double of_gaussian(const Packed<T>& m, const Inputs<T>& inputs, const T* x, Index i, T state) {
  const auto at = static_cast<std::size_t>(i);
  const auto a = static_cast<double>(m.a[at]), variance = static_cast<double>(m.variance[at]);
  const double v = static_cast<double>(state) * variance;
  double step = static_cast<double>(m.deviation[at]), ends[2];
  span_of(m, x, i, ends);
  const double width = ends[1] - ends[0], most = static_cast<double>(kMostPoints);
  if (!std::isfinite(width) || !(step > 0)) return -std::numeric_limits<double>::infinity();
  step = std::max(step, width / most);
  const auto points = static_cast<Index>(width / step) + 15;
  const auto value = [&](double u) {
    return inputs.term(x, i, static_cast<T>((u - v) / variance)) -
           (u - a) * (u - a) / (2 * variance);
  };
  LogSum all;
  for (Index k = 0; k < points; ++k) all.add(value(ends[0] + static_cast<double>(k - 7) * step));
  return value(v) - all.value() - std::log(step);
}

}  // namespace

template <class T>
void conditionals(const Execution& run, const Source<T>& x, Parameters<T> net,
                  const Index64* chosen, double* out) {
  const Packed<T> m = pack(run, net);
  Scratches<T> scratch = scratches<T>(run);
  Inputs<T> inputs(m);
  by_blocks(run, x, m, [&](const Layer<T>& v, Index first) {
    inputs.fill(run, v, scratch);
    parallel_tasks(run, v.rows, [&](Index r, const Worker&) {
      const auto i = static_cast<Index>(chosen[first + r]);
      T* row = inputs.row(r);
      double& to = out[first + r];
      if (m.units.visible == Visible::gaussian) {
        to = of_gaussian(m, inputs, row, i, state_of(v, r, i));
      } else if (m.units.visible == Visible::counts) {
        to = of_count(m, inputs, row, i);
      } else if (const Index g = group_at(m.units, i); g >= 0) {
        to = of_group(m, inputs, v, r, row, i, static_cast<Index>(m.units.groups[2 * g + 1]));
      } else {
        to = of_binary(m, inputs, row, i, state_of(v, r, i));
      }
    });
  });
}

template <class T>
void group_energies(const Execution& run, const Source<T>& x, Parameters<T> net, Index group,
                    double* out) {
  const Packed<T> m = pack(run, net);
  Scratches<T> scratch = scratches<T>(run);
  Inputs<T> inputs(m);
  const auto begin = static_cast<Index>(net.units.groups[2 * group]);
  const auto end = static_cast<Index>(net.units.groups[2 * group + 1]);
  by_blocks(run, x, m, [&](const Layer<T>& v, Index first) {
    inputs.fill(run, v, scratch);
    parallel_tasks(run, v.rows, [&](Index r, const Worker&) {
      T* row = inputs.row(r);
      double rest = 0;
      for (Index i = 0; i < m.visible; ++i) {
        const T state = state_of(v, r, i);
        if (i >= begin && i < end) {
          if (state != T(0)) inputs.shift(row, i, -state);
        } else if (state != T(0)) {
          rest +=
              static_cast<double>(state) * static_cast<double>(m.a[static_cast<std::size_t>(i)]);
        }
      }
      for (Index i = begin; i < end; ++i)
        out[(first + r) * (end - begin) + i - begin] =
            rest + static_cast<double>(m.a[static_cast<std::size_t>(i)]) +
            inputs.term(row, i, T(1));
    });
  });
}

#define GIBBOUS_RBM_CONDITIONALS(T)                                                                \
  template void conditionals<T>(const Execution&, const Source<T>&, Parameters<T>, const Index64*, \
                                double*);                                                          \
  template void group_energies<T>(const Execution&, const Source<T>&, Parameters<T>, Index,        \
                                  double*);
GIBBOUS_RBM_CONDITIONALS(float)
GIBBOUS_RBM_CONDITIONALS(double)

}  // namespace gibbous::rbm
