// SPDX-License-Identifier: Apache-2.0
#include "gibbous/layers/hidden.hpp"

#include "gibbous/layers/rows.hpp"

namespace gibbous::layers {

template <class T>
void hidden_means(const Execution& run, const Source<T>& x, Parameters<T> net, T* out) {
  const Packed<T> m = pack(run, net);
  Scratches<T> scratch = scratches<T>(run);
  const bool stepped = net.units.hidden == Hidden::stepped;
  by_blocks(run, x, m, [&](const Layer<T>& v, Index first) {
    pass(run, v, m.up, scratch, [&](Index p, Index begin, Index count, const T* sums) {
      constexpr int L = kLanes<T>;
      const Index units = std::min(kPanel, net.hidden - p * kPanel);
      alignas(64) T means[kPanel];
      for (Index r = 0; r < count; ++r, sums += kPanel) {
        const T times = bias_times(v, begin + r);
        for (int j = 0; j < kPanel; j += L) {
          const Vec<T> input = load(sums + j) + load(m.b.data() + p * kPanel + j) * times;
          store(means + j, stepped ? step_mean<T>(input) : T(1) / one_plus_exp_minus<T>(input));
        }
        std::copy(means, means + units, out + (first + begin + r) * net.hidden + p * kPanel);
      }
    });
  });
}

template <class T>
void draw_hidden(const Execution& run, const Source<T>& x, Parameters<T> net, std::uint64_t seed,
                 std::uint32_t step, T* out) {
  const Packed<T> m = pack(run, net);
  Scratches<T> scratch = scratches<T>(run);
  Layer<T> h;
  h.resize(net.hidden, kRowsAtOnce, net.units.hidden == Hidden::binary);
  by_blocks(run, x, m, [&](const Layer<T>& v, Index first) {
    const StateDraws draws(seed, Purpose::rbm_gibbs, step++);
    Target<T> target;
    target.kind = hidden_kind(m);
    target.bias = m.b.data();
    target.draws = &draws;
    target.states = &h;
    if (!v.lengths.empty()) target.copies = v.lengths.data();
    h.rows = v.rows;
    pass(run, v, m.up, scratch, target);
    give_states(h, out + first * net.hidden);
  });
}

#define GIBBOUS_LAYERS_HIDDEN(T)                                                                 \
  template void hidden_means<T>(const Execution&, const Source<T>&, Parameters<T>, T*);          \
  template void draw_hidden<T>(const Execution&, const Source<T>&, Parameters<T>, std::uint64_t, \
                               std::uint32_t, T*);
GIBBOUS_LAYERS_HIDDEN(float)
GIBBOUS_LAYERS_HIDDEN(double)

}  // namespace gibbous::layers
