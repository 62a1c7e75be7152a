// SPDX-License-Identifier: Apache-2.0
// Passes over rows that change no parameter: hidden means, free energies, Gibbs chains.
#include "gibbous/rbm_pack.hpp"

namespace gibbous::rbm {
namespace {

// Rows in work at a time: a few megabytes of states.
constexpr Index kRowsAtOnce = 1024;

template <class T, class Body>
void by_blocks(const Execution& run, const Source<T>& x, Index visible, Body&& body) {
  Layer<T> v;
  v.resize(visible, std::min(kRowsAtOnce, std::max<Index>(x.n, 1)), x.binary());
  for (Index first = 0; first < x.n; first += kRowsAtOnce) {
    if (run.monitor) run.monitor->poll();
    load_rows_of(run, x, nullptr, first, std::min(kRowsAtOnce, x.n - first), nullptr, v);
    body(v, first);
  }
}

// Sums over the units of a panel, in double: the free energies of large layers differ by little.
template <class T>
double sum_of_softplus(const T* sums, const T* bias, Index units) {
  constexpr int L = kLanes<T>;
  double total = 0;
  for (Index j = 0; j < units; j += L) {
    const Vec<T> s = softplus<T>(load(sums + j) + load(bias + j));
    for (int i = 0; i < L && j + i < units; ++i) total += static_cast<double>(s[i]);
  }
  return total;
}

template <class T>
double bias_term(const Layer<T>& v, Index row, const T* a) {
  double e = 0;
  for (Index p = 0; p < v.panels(); ++p) {
    if (v.binary) {
      for (std::uint32_t m = mask_of(v.panel_bits(p)[row]); m; m &= m - 1)
        e += static_cast<double>(a[p * kPanel + __builtin_ctz(m)]);
    } else {
      const Index units = std::min(kPanel, v.units - p * kPanel);
      for (Index j = p * kPanel; j < p * kPanel + units; ++j)
        e += static_cast<double>(a[j]) * static_cast<double>(v.row(row)[j]);
    }
  }
  return e;
}

}  // namespace

template <class T>
void hidden_means(const Execution& run, const Source<T>& x, Parameters<T> net, T* out) {
  const Packed<T> m = pack(run, net);
  Scratches<T> scratch = scratches<T>(run);
  by_blocks(run, x, net.visible, [&](const Layer<T>& v, Index first) {
    pass(run, v, m.up, scratch, [&](Index p, Index begin, Index count, const T* sums) {
      constexpr int L = kLanes<T>;
      const Index units = std::min(kPanel, net.hidden - p * kPanel);
      alignas(64) T means[kPanel];
      for (Index r = 0; r < count; ++r, sums += kPanel) {
        for (int j = 0; j < kPanel; j += L)
          store(means + j,
                T(1) / one_plus_exp_minus<T>(load(sums + j) + load(m.b.data() + p * kPanel + j)));
        std::copy(means, means + units, out + (first + begin + r) * net.hidden + p * kPanel);
      }
    });
  });
}

template <class T>
void free_energies(const Execution& run, const Source<T>& x, Parameters<T> net, double* out) {
  const Packed<T> m = pack(run, net);
  Scratches<T> scratch = scratches<T>(run);
  const Index panels = panels_of(net.hidden);
  std::vector<double> parts(static_cast<std::size_t>(panels * kRowsAtOnce));
  by_blocks(run, x, net.visible, [&](const Layer<T>& v, Index first) {
    pass(run, v, m.up, scratch, [&](Index p, Index begin, Index count, const T* sums) {
      const Index units = std::min(kPanel, net.hidden - p * kPanel);
      for (Index r = 0; r < count; ++r)
        parts[static_cast<std::size_t>(p * kRowsAtOnce + begin + r)] =
            sum_of_softplus(sums + r * kPanel, m.b.data() + p * kPanel, units);
    });
    for (Index r = 0; r < v.rows; ++r) {
      double f = bias_term(v, r, m.a.data());
      for (Index p = 0; p < panels; ++p) f += parts[static_cast<std::size_t>(p * kRowsAtOnce + r)];
      out[first + r] = -f;
    }
  });
}

template <class T>
void gibbs(const Execution& run, Parameters<T> net, Index chains, Index steps, std::uint64_t seed,
           std::uint32_t step, const std::int8_t* clamp, bool means, T* hidden, T* out) {
  const Packed<T> m = pack_for_sampling(run, net);
  Scratches<T> scratch = scratches<T>(run);
  Layer<T> h, v, on, known;
  h.resize(net.hidden, chains, true);
  v.resize(net.visible, chains, true);
  pack_bits(hidden, chains, h);
  v.rows = chains;
  std::vector<T> given;
  if (clamp) {  // on: states to set; known: where
    on.resize(net.visible, chains, true);
    known.resize(net.visible, chains, true);
    given.resize(static_cast<std::size_t>(chains * net.visible));
    for (std::size_t i = 0; i < given.size(); ++i) given[i] = T(clamp[i] > 0);
    pack_bits(given.data(), chains, on);
    for (std::size_t i = 0; i < given.size(); ++i) given[i] = T(clamp[i] >= 0);
    pack_bits(given.data(), chains, known);
  }
  Buffer<T> p(static_cast<std::size_t>(means ? panels_of(net.visible) * chains * kPanel : 0));
  for (Index k = 0; k < steps; ++k) {
    if (run.monitor) run.monitor->poll();
    const StateDraws down(seed, Purpose::rbm_gibbs, step++), up(seed, Purpose::rbm_gibbs, step++);
    BernoulliTarget<T> lower, upper;
    lower.bias = m.a.data();
    lower.draws = &down;
    lower.states = &v;
    if (means && k + 1 == steps) {
      lower.probabilities = p.data();
      lower.stride = chains;
    }
    upper.bias = m.b.data();
    upper.draws = &up;
    upper.states = &h;
    pass(run, h, m.down, scratch, lower);
    if (clamp)
      for (std::size_t i = 0; i < v.bits.size(); ++i)
        v.bits[i] = (v.bits[i] & ~known.bits[i]) | (on.bits[i] & known.bits[i]);
    pass(run, v, m.up, scratch, upper);
  }
  unpack_bits(h, hidden);
  if (!out) return;
  unpack_bits(v, out);
  if (!means) return;
  for (Index r = 0; r < chains; ++r)
    for (Index j = 0; j < net.visible; ++j) {
      const Index i = r * net.visible + j;
      if (clamp && clamp[i] >= 0) continue;
      out[i] = p[static_cast<std::size_t>((j / kPanel * chains + r) * kPanel + j % kPanel)];
    }
}

#define GIBBOUS_RBM_SAMPLE(T)                                                                 \
  template void hidden_means<T>(const Execution&, const Source<T>&, Parameters<T>, T*);       \
  template void free_energies<T>(const Execution&, const Source<T>&, Parameters<T>, double*); \
  template void gibbs<T>(const Execution&, Parameters<T>, Index, Index, std::uint64_t,        \
                         std::uint32_t, const std::int8_t*, bool, T*, T*);
GIBBOUS_RBM_SAMPLE(float)
GIBBOUS_RBM_SAMPLE(double)

}  // namespace gibbous::rbm
