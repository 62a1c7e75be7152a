// SPDX-License-Identifier: Apache-2.0
// Annealed importance sampling, all chains in parallel: an upward product, whose epilogue computes
// the weights of a step and the next hidden states, and a downward product.
#include <cmath>
#include <vector>

#include "gibbous/layers/pack.hpp"
#include "gibbous/rbm/likelihood.hpp"

namespace gibbous::rbm {
namespace {

// The outputs of an upward pass. With x the input of a unit,
//   log(1 + exp(beta x)) = beta max(x, 0) + log(1 + exp(-beta |x|)),
// so that a step from one beta to the next adds (next - now) max(x, 0) and the logarithm of a
// quotient of numbers in (1, 2], computed once for 32 units. The exponential at the beta that is
// sampled at also gives the probability of the unit.
template <class T>
struct Raise {
  const T* bias;  // IN [units padded]; 0 in the padding, whose weight is 0 at any beta
  T now, next;    // betas
  const StateDraws* draws;
  Layer<T>* states;  // OUT samples at `next`
  double* weights;   // OUT [panel][chain]
  Index stride;

  void operator()(Index p, Index first, Index count, const T* sums) const {
    alignas(64) std::uint32_t words[kGroupWords];
    for (Index r = 0; r < count; ++r, sums += kPanel) {
      const Index row = first + r;
      if (row % 2 == 0 || r == 0) draws->pair(row / 2, p, words);
      one_row(p, row, sums, words + row % 2 * kPanel);
    }
  }

 private:
  GIBBOUS_INLINE void one_row(Index p, Index row, const T* sums, const std::uint32_t* words) const {
    constexpr int L = kLanes<T>;
    std::uint32_t mask = 0;
    Vec<T> positive{}, above = splat(T(1)), below = splat(T(1));
    const Index units = states->units - p * kPanel;
    GIBBOUS_UNROLL
    for (int j = 0; j < kPanel; j += L) {
      const Vec<T> x = load(sums + j) + load(bias + p * kPanel + j);
      const Bits<T> up = x > T(0);
      const Vec<T> size = up ? x : -x;
      const Vec<T> e0 = vexp<T>(-(now * size)), e1 = vexp<T>(-(next * size));
      const Vec<T> one0 = e0 + T(1), one1 = e1 + T(1);
      below *= one0;
      above *= one1;
      positive += up ? x : Vec<T>{};
      // u < 1 / (1 + exp(-next x)), times 1 + exp(-next |x|)
      const Bits<T> on =
          widen_draws<T>(words + j) * one1 < (up ? splat(T(1 << 24)) : e1 * T(1 << 24));
      mask |= mask_of_lanes<T>(on) << j;
    }
    states->panel_bits(p)[row] = chunk_of(mask & units_mask(units));
    const Vec<T> logs = vlog<T>(above / below);
    weights[p * stride + row] = static_cast<double>(lane_sum<T>(logs)) +
                                (static_cast<double>(next) - static_cast<double>(now)) *
                                    static_cast<double>(lane_sum<T>(positive));
  }
};

// The outputs of a downward pass: states at `beta`, and (a - base).v of each panel for the next
// step.
template <class T>
struct Lower {
  T beta;
  const T* bias;   // IN [units padded]: (1 - beta) base + beta a; kOff in the padding
  const T* slope;  // IN [units padded]: a - base; 0 in the padding
  const StateDraws* draws;
  Layer<T>* states;  // OUT
  double* slopes;    // OUT [panel][chain]
  Index stride;

  void operator()(Index p, Index first, Index count, const T* sums) const {
    constexpr int L = kLanes<T>;
    alignas(64) std::uint32_t words[kGroupWords];
    for (Index r = 0; r < count; ++r, sums += kPanel) {
      const Index row = first + r;
      if (row % 2 == 0 || r == 0) draws->pair(row / 2, p, words);
      const std::uint32_t* u = words + row % 2 * kPanel;
      std::uint32_t mask = 0;
      Vec<T> total{};
      GIBBOUS_UNROLL
      for (int j = 0; j < kPanel; j += L) {
        const Vec<T> x = beta * load(sums + j) + load(bias + p * kPanel + j);
        const Bits<T> on = widen_draws<T>(u + j) * one_plus_exp_minus<T>(x) < T(1 << 24);
        mask |= mask_of_lanes<T>(on) << j;
        const Vec<T> s = load(slope + p * kPanel + j);
        total += reinterpret_cast<Vec<T>>(reinterpret_cast<Bits<T>>(s) & on);
      }
      states->panel_bits(p)[row] = chunk_of(mask);  // padding is off: its bias is kOff
      slopes[p * stride + row] = static_cast<double>(lane_sum<T>(total));
    }
  }
};

template <class T>
class Annealer {
 public:
  Annealer(const Execution& run, const Parameters<T>& net, const Annealing<T>& path)
      : run_(run),
        m_(pack_for_sampling(run, net)),
        seed_(path.seed),
        chains_(path.chains),
        scratch_(scratches<T>(run)) {
    const Index chains = path.chains;
    const T* base = path.base;
    h_.resize(net.hidden, chains, true);
    v_.resize(net.visible, chains, true);
    pack_bits(path.hidden, chains, h_);
    base_ = padded(base, net.visible, kOff<T>);
    upper_ = padded(net.b, net.hidden, T(0));
    bias_ = base_;
    slope_.assign(base_.size(), T(0));
    for (Index i = 0; i < net.visible; ++i) slope_[at(i)] = net.a[i] - base[i];
    weights_.assign(at(h_.panels() * chains), 0.0);
    slopes_.assign(at(v_.panels() * chains), 0.0);
  }

  void lower(T beta) {
    for (std::size_t i = 0; i < bias_.size(); ++i)
      bias_[i] = (T(1) - beta) * base_[i] + beta * m_.a[i];
    const StateDraws draws(seed_, Purpose::rbm_ais, step_++);
    pass(run_, h_, m_.down, scratch_,
         Lower<T>{beta, bias_.data(), slope_.data(), &draws, &v_, slopes_.data(), chains_});
  }

  void raise(T now, T next, double* log_weights) {
    const StateDraws draws(seed_, Purpose::rbm_ais, step_++);
    pass(run_, v_, m_.up, scratch_,
         Raise<T>{upper_.data(), now, next, &draws, &h_, weights_.data(), chains_});
    const double move = static_cast<double>(next) - static_cast<double>(now);
    for (Index r = 0; r < chains_; ++r) {
      double up = 0, down = 0;
      for (Index p = 0; p < h_.panels(); ++p) up += weights_[at(p * chains_ + r)];
      for (Index p = 0; p < v_.panels(); ++p) down += slopes_[at(p * chains_ + r)];
      log_weights[r] += up + move * down;
    }
  }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  const Execution& run_;
  const Packed<T> m_;
  std::uint64_t seed_;
  std::uint32_t step_ = 0;
  Index chains_;
  Scratches<T> scratch_;
  Layer<T> h_, v_;
  Buffer<T> base_, bias_, slope_, upper_;
  std::vector<double> weights_, slopes_;
};

}  // namespace

template <class T>
void anneal(const Execution& run, const Parameters<T>& net, const Annealing<T>& path,
            double* log_weights) {
  Annealer<T> annealer(run, net, path);
  const double* betas = path.betas;
  std::fill(log_weights, log_weights + path.chains, 0.0);
  for (Index k = 0; k < path.steps; ++k) {
    // betas are rounded to T, so that the steps of the path add up exactly
    const T now = static_cast<T>(betas[k]), next = static_cast<T>(betas[k + 1]);
    annealer.lower(now);
    annealer.raise(now, next, log_weights);
  }
}

template void anneal<float>(const Execution&, const Parameters<float>&, const Annealing<float>&,
                            double*);
template void anneal<double>(const Execution&, const Parameters<double>&, const Annealing<double>&,
                             double*);

}  // namespace gibbous::rbm
