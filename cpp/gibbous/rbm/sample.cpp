// SPDX-License-Identifier: Apache-2.0
// Passes over rows that do not change parameters: free energies and Gibbs chains.
#include "gibbous/layers/rows.hpp"
#include "gibbous/rbm/machine.hpp"

namespace gibbous::rbm {
namespace {

template <class T>
double visible_term(const Packed<T>& m, const Layer<T>& v, Index row) {
  double e = 0;
  if (v.binary) {
    for (Index p = 0; p < v.panels(); ++p)
      for (std::uint32_t k = mask_of(v.panel_bits(p)[row]); k; k &= k - 1)
        e += static_cast<double>(m.a[static_cast<std::size_t>(p * kPanel + __builtin_ctz(k))]);
    return e;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(v.units); ++i) {
    const auto a = static_cast<double>(m.a[i]), x = static_cast<double>(v.row(row)[i]);
    if (m.z.empty()) {
      e += a * x;
    } else {
      const auto variance = static_cast<double>(m.variance[i]);
      const double away = x * variance - a;
      e -= away * away / (2 * variance);
    }
  }
  return e;
}

}  // namespace

template <class T>
void free_energies(const Execution& run, const Source<T>& x, Parameters<T> net, double* out) {
  const Packed<T> m = pack(run, net);
  Scratches<T> scratch = scratches<T>(run);
  const Index panels = panels_of(net.hidden);
  std::vector<double> parts(static_cast<std::size_t>(panels * kRowsAtOnce));
  by_blocks(run, x, m, [&](const Layer<T>& v, Index first) {
    pass(run, v, m.up, scratch, [&](Index p, Index begin, Index count, const T* sums) {
      const Index units = std::min(kPanel, net.hidden - p * kPanel);
      alignas(64) T input[kPanel];
      for (Index r = 0; r < count; ++r) {
        const T times = bias_times(v, begin + r);
        for (Index j = 0; j < kPanel; ++j)
          input[j] = sums[r * kPanel + j] + m.b[static_cast<std::size_t>(p * kPanel + j)] * times;
        parts[static_cast<std::size_t>(p * kRowsAtOnce + begin + r)] = hidden_term(m, input, units);
      }
    });
    for (Index r = 0; r < v.rows; ++r) {
      double f = visible_term(m, v, r);
      for (Index p = 0; p < panels; ++p) f += parts[static_cast<std::size_t>(p * kRowsAtOnce + r)];
      out[first + r] = -f;
    }
  });
}

template <class T>
void gibbs(const Execution& run, Parameters<T> net, const Chains<T>& all, const Sampling& how) {
  const Index chains = all.n, steps = how.steps;
  const std::uint64_t seed = how.seed;
  std::uint32_t step = how.step;
  const bool means = how.means;
  const T *clamp = all.clamp, *lengths = all.lengths;
  T *hidden = all.hidden, *out = all.visible;
  const Packed<T> m = pack_for_sampling(run, net);
  Scratches<T> scratch = scratches<T>(run);
  Descent<T> descend;
  Layer<T> h, v;
  h.resize(net.hidden, chains, net.units.hidden == Hidden::binary);
  v.resize(net.visible, chains, visible_bits(m));
  if (lengths) v.lengths.assign(lengths, lengths + chains);
  put_states(hidden, chains, h);
  v.rows = chains;
  Buffer<T> p(static_cast<std::size_t>(means ? panels_of(net.visible) * chains * kPanel : 0));
  for (Index k = 0; k < steps; ++k) {
    if (run.monitor) run.monitor->poll();
    const StateDraws down(seed, Purpose::rbm_gibbs, step++), up(seed, Purpose::rbm_gibbs, step++);
    Target<T> lower, upper;
    lower.bias = m.a.data();
    lower.draws = &down;
    lower.states = &v;
    if (means && k + 1 == steps) {
      lower.probabilities = p.data();
      lower.stride = chains;
    }
    upper.kind = hidden_kind(m);
    upper.bias = m.b.data();
    upper.draws = &up;
    upper.states = &h;
    if (lengths) upper.copies = v.lengths.data();
    descend(run, h, m, lower, scratch, {clamp});
    pass(run, v, m.up, scratch, upper);
  }
  give_states(h, hidden);
  if (!out) return;
  give_states(v, out);
  if (!m.z.empty())
    for (Index i = 0; i < chains * net.visible; ++i)
      out[i] *= m.variance[static_cast<std::size_t>(i % net.visible)];
  if (!means) return;
  for (Index r = 0; r < chains; ++r)
    for (Index j = 0; j < net.visible; ++j) {
      const Index i = r * net.visible + j;
      if (clamp && clamp[i] == clamp[i]) continue;
      out[i] = p[static_cast<std::size_t>((j / kPanel * chains + r) * kPanel + j % kPanel)];
    }
}

#define GIBBOUS_RBM_SAMPLE(T)                                                                 \
  template void free_energies<T>(const Execution&, const Source<T>&, Parameters<T>, double*); \
  template void gibbs<T>(const Execution&, Parameters<T>, const Chains<T>&, const Sampling&);
GIBBOUS_RBM_SAMPLE(float)
GIBBOUS_RBM_SAMPLE(double)

}  // namespace gibbous::rbm
