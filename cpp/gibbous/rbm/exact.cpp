// SPDX-License-Identifier: Apache-2.0
// The sum over all states of the smaller layer. A state is split into groups of five units. The
// contribution of a group to the input of a unit of the larger layer is looked up as a factor of
// exp(input). The lowest group is the innermost loop, over the product of the other factors.
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "gibbous/layers/layer.hpp"
#include "gibbous/rbm/likelihood.hpp"

namespace gibbous::rbm {
namespace {

using Wide = Vec<double>;
using WideBits = Bits<double>;
constexpr int kL = kLanes<double>;

constexpr Index kGroup = 5;       // 32 entries of 784 factors are 200 KB and fit in the L2 cache
constexpr int kStatesAtOnce = 4;  // states for which a row of factors is loaded once

// Units whose input can exceed this use sums of logarithms: two such factors, or a factor and an
// entry, are still within the range of a double.
constexpr double kMostInput = 300.0;
// Factors are multiplied up to exp(this) before the exponent is extracted.
constexpr double kMostProduct = 600.0;

// The machine with the enumerated layer first, in double. Units of the larger layer whose factors
// cannot overflow come first, in whole vectors; the few whose input may be huge follow.
struct Enumerated {
  Index states = 0, units = 0;  // of the small layer; of the large one
  Index safe = 0, all = 0;      // padded counts
  std::vector<double> small_bias;
  Buffer<double> bias;            // (all)
  std::vector<Buffer<double>> w;  // [small unit](all)
  std::vector<Index> cuts;        // ends of the ranges whose product does not overflow
};

template <class T, class Weight>
Enumerated arrange(Index small, Index large, const T* small_bias, const T* bias, Weight&& weight) {
  Enumerated m;
  m.states = small;
  m.units = large;
  m.small_bias.assign(small_bias, small_bias + small);
  std::vector<double> most(static_cast<std::size_t>(large));
  std::vector<Index> order, wild;
  for (Index i = 0; i < large; ++i) {
    double bound = std::abs(static_cast<double>(bias[i]));
    for (Index j = 0; j < small; ++j) bound += std::abs(static_cast<double>(weight(j, i)));
    most[static_cast<std::size_t>(i)] = bound;
    (bound <= kMostInput ? order : wild).push_back(i);
  }
  const auto whole = [](std::size_t n) { return (static_cast<Index>(n) + kL - 1) / kL * kL; };
  m.safe = whole(order.size());
  m.all = m.safe + whole(wild.size());
  m.bias.assign(static_cast<std::size_t>(m.all), -std::numeric_limits<double>::infinity());
  m.w.assign(static_cast<std::size_t>(small), Buffer<double>(static_cast<std::size_t>(m.all), 0.0));
  const auto place = [&](const std::vector<Index>& from, Index at) {
    for (const Index i : from) {
      m.bias[static_cast<std::size_t>(at)] = static_cast<double>(bias[i]);
      for (Index j = 0; j < small; ++j)
        m.w[static_cast<std::size_t>(j)][static_cast<std::size_t>(at)] =
            static_cast<double>(weight(j, i));
      ++at;
    }
  };
  place(order, 0);
  place(wild, m.safe);
  double product = 0;
  for (Index v = 0; v < m.safe; v += kL) {
    double factor = 0;  // log(1 + e^x) <= x + log 2 for x >= 0
    for (Index i = v; i < std::min<Index>(v + kL, static_cast<Index>(order.size())); ++i)
      factor = std::max(factor, most[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
    factor += std::log(2.0);
    if (product + factor > kMostProduct) {
      m.cuts.push_back(v);
      product = 0;
    }
    product += factor;
  }
  m.cuts.push_back(m.safe);
  return m;
}

// For every state of a group of small units: the contribution of the group to log p, and to the
// input of each large unit, as exp() if the unit is safe.
struct Group {
  Index entries = 1, stride = 0;
  std::vector<double> share;
  Buffer<double> table;  // [entry](all); at least kStatesAtOnce entries

  Group(const Enumerated& m, Index first, Index count)
      : entries(Index{1} << count), stride(m.all), share(static_cast<std::size_t>(entries), 0.0) {
    table.assign(static_cast<std::size_t>(std::max<Index>(entries, kStatesAtOnce) * stride), 0.0);
    for (Index e = 0; e < entries; ++e) {
      double* row = table.data() + e * m.all;
      for (Index j = 0; j < count; ++j) {
        if (!(e >> j & 1)) continue;
        const auto unit = static_cast<std::size_t>(first + j);
        share[static_cast<std::size_t>(e)] += m.small_bias[unit];
        for (Index i = 0; i < m.all; ++i) row[i] += m.w[unit][static_cast<std::size_t>(i)];
      }
      for (Index i = 0; i < m.safe; ++i) row[i] = std::exp(row[i]);
    }
  }
  const double* row(Index e) const { return table.data() + e * stride; }
};

// log of a sum of exponentials, one term at a time.
struct LogSum {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;

  void add(double x, double times = 1) {
    if (x > most) {
      sum = sum * std::exp(most - x) + times;
      most = x;
    } else {
      sum += times * std::exp(x - most);
    }
  }
  double value() const { return most + std::log(sum); }
};

// out[s] = sum_i log(1 + f_i t_i(s)) over the safe units, for kStatesAtOnce entries t of a table.
void log_products(const Enumerated& m, const double* f, const double* table, double* out) {
  Wide p[kStatesAtOnce];
  Vec<std::int64_t> exponent[kStatesAtOnce];
  for (int s = 0; s < kStatesAtOnce; ++s) {
    p[s] = splat(1.0);
    exponent[s] = Vec<std::int64_t>{};
  }
  Index i = 0;
  for (const Index end : m.cuts) {
    for (; i < end; i += kL) {
      const Wide factor = load(f + i);
      GIBBOUS_UNROLL
      for (int s = 0; s < kStatesAtOnce; ++s) p[s] += p[s] * (factor * load(table + s * m.all + i));
    }
    GIBBOUS_UNROLL
    for (int s = 0; s < kStatesAtOnce; ++s) {  // p >= 1: positive and normal
      const WideBits bits = reinterpret_cast<WideBits>(p[s]);
      exponent[s] += (bits >> 52) - 1023;
      p[s] = reinterpret_cast<Wide>((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000);
    }
  }
  for (int s = 0; s < kStatesAtOnce; ++s) {
    double product = 1, power = 0;
    for (int l = 0; l < kL; ++l) {
      product *= p[s][l];
      power += static_cast<double>(exponent[s][l]);
    }
    out[s] = std::log(product) + power * 0.69314718055994530942;
  }
}

// sum_i log(1 + exp(x_i + t_i)) over the others.
double log_terms(const Enumerated& m, const double* x, const double* t) {
  double total = 0;
  for (Index i = m.safe; i < m.all; ++i) {
    const double input = x[i] + t[i];
    total += std::max(input, 0.0) + std::log1p(std::exp(-std::abs(input)));
  }
  return total;
}

double sum_over_states(const Execution& run, const Enumerated& m) {
  const Index low = std::min(kGroup, m.states);
  const Group inner(m, 0, low);
  std::vector<Group> outer;
  for (Index first = low; first < m.states; first += kGroup)
    outer.emplace_back(m, first, std::min(kGroup, m.states - first));
  const Index rows = Index{1} << (m.states - low), tasks = slots(rows, 1);
  std::vector<LogSum> parts(static_cast<std::size_t>(tasks));
  Buffer<double> start(m.bias);
  for (Index i = 0; i < m.safe; ++i)
    start[static_cast<std::size_t>(i)] = std::exp(start[static_cast<std::size_t>(i)]);
  parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
    LogSum part;
    Buffer<double> f(start.size());
    double found[kStatesAtOnce];
    const Range range = slot_range(rows, tasks, task);
    for (Index r = range.begin; r < range.end; ++r) {
      worker.checkpoint();
      f = start;
      double share = 0;
      Index rest = r;
      for (const Group& g : outer) {
        const Index e = rest & (g.entries - 1);
        rest >>= kGroup;
        share += g.share[static_cast<std::size_t>(e)];
        const double* t = g.row(e);
        for (Index i = 0; i < m.safe; i += kL)
          store(f.data() + i, load(f.data() + i) * load(t + i));
        for (Index i = m.safe; i < m.all; ++i) f[static_cast<std::size_t>(i)] += t[i];
      }
      for (Index e = 0; e < inner.entries; e += kStatesAtOnce) {
        const int count = static_cast<int>(std::min<Index>(kStatesAtOnce, inner.entries - e));
        log_products(m, f.data(), inner.row(e), found);
        for (int s = 0; s < count; ++s)
          part.add(found[s] + share + inner.share[static_cast<std::size_t>(e + s)] +
                   log_terms(m, f.data(), inner.row(e + s)));
      }
    }
    parts[static_cast<std::size_t>(task)] = part;
  });
  LogSum total;
  for (const LogSum& part : parts) total.add(part.most, part.sum);
  return total.value();
}

}  // namespace

template <class T>
double exact_log_partition(const Execution& run, const Parameters<T>& net) {
  const Index k = std::min(net.visible, net.hidden);
  if (k > kMostEnumerated)
    throw std::invalid_argument("the smaller layer has too many units to sum over its states");
  const auto by_hidden = [&](Index j, Index i) { return net.w[j * net.visible + i]; };
  const auto by_visible = [&](Index i, Index j) { return net.w[j * net.visible + i]; };
  const Enumerated m = net.hidden <= net.visible
                           ? arrange(net.hidden, net.visible, net.b, net.a, by_hidden)
                           : arrange(net.visible, net.hidden, net.a, net.b, by_visible);
  return sum_over_states(run, m);
}

template double exact_log_partition<float>(const Execution&, const Parameters<float>&);
template double exact_log_partition<double>(const Execution&, const Parameters<double>&);

}  // namespace gibbous::rbm
