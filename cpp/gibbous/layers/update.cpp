// SPDX-License-Identifier: Apache-2.0
// The product of the gradient and the update of weights and biases, fused: the gradient is never
// stored.
#include "gibbous/layers/update.hpp"

#include <algorithm>
#include <cstring>

namespace gibbous::layers {
namespace {

// Visible units per task: their sums (32 KB in float) stay in the L2 cache.
constexpr Index kBlockUnits = 256;

// Limit on the change of a log variance per step: chains that have not mixed yet suggest variances
// that are wrong by orders of magnitude.
constexpr double kMostStep = 0.1;

template <class T>
Buffer<T> zeros(Index panels) {
  return Buffer<T>(static_cast<std::size_t>(panels * kPanel), T(0));
}

template <class T>
void add_phase(const Execution& run, const Phase<T>& phase, Index q, Range d, std::uint64_t name,
               Scratch<T>& mine, LeftOperand& left) {
  T* sums = mine.sums.data();
  if constexpr (sizeof(T) == 4) {
    if (!phase.p_words.empty()) {
      phase.widen(d, name, left);
      left.multiply(run, d.end - d.begin, phase.depth(), phase.states->binary,
                    phase.p_words.data() + q * phase.stride * kPanel, sums);
      return;
    }
  }
  if (phase.states->binary) {
    const Index units = panels_of(phase.visible) * kPanel;
    add_bits(phase.turned.data() + d.begin, units, d.end - d.begin, panels_of(phase.rows),
             phase.panel(q), mine.tables, sums);
  } else {
    add_real(phase.states->real.data() + d.begin, 1, phase.states->width(), d.end - d.begin,
             phase.rows, phase.panel(q), sums);
  }
}

// Updates weights x at index `at` of a panel of words, if these are kept.
template <class T>
GIBBOUS_INLINE void put_words(Weights<T>& w, Index panel, Index at, Vec<T> x) {
  if constexpr (sizeof(T) == 4) {
    if (w.words.empty()) return;
    const Bits<float> words = tiles::split(x);
    std::memcpy(w.panel_words(panel) + at, &words, sizeof words);
  }
}

template <class T>
Buffer<T> kept(const T* x, Index n) {
  return x ? padded(x, n, T(0)) : Buffer<T>();
}

}  // namespace

template <class T>
Update<T>::Update(const Execution& run, const StepSettings& settings, const Parameters<T>& net,
                  const StepState<T>& state)
    : s_(settings),
      momentum_(state.velocity.w != nullptr),
      fast_(state.fast.w != nullptr),
      variances_(net.z != nullptr && settings.variance_rate > 0),
      net_(pack_for_sampling(run, net)) {
  const Index below = panels_of(net.visible), above = panels_of(net.hidden);
  if (momentum_) {
    velocity_.resize(net.visible, net.hidden);
    pack_weights(run, state.velocity.w, velocity_);
    speed_a_ = padded(state.velocity.a, net.visible, T(0));
    speed_b_ = padded(state.velocity.b, net.hidden, T(0));
    if (state.velocity.z) speed_z_ = padded(state.velocity.z, net.visible, T(0));
  }
  if (fast_) {
    fast_up_.resize(net.visible, net.hidden);
    pack_weights(run, state.fast.w, fast_up_);
    fast_a_ = padded(state.fast.a, net.visible, T(0));
    fast_b_ = padded(state.fast.b, net.hidden, T(0));
    chain_ = net_;
    for (std::size_t i = 0; i < chain_.up.w.size(); ++i) chain_.up.w[i] += fast_up_.w[i];
    turn_weights(run, chain_.up, chain_.down);
    split_weights(run, chain_.up);
    split_weights(run, chain_.down);
    for (std::size_t i = 0; i < fast_a_.size(); ++i) chain_.a[i] += fast_a_[i];
    for (std::size_t i = 0; i < fast_b_.size(); ++i) chain_.b[i] += fast_b_[i];
  }
  if (variances_) by_weight_ = zeros<T>(above * below);
  mu_ = kept(state.mu, net.visible);
  lambda_ = kept(state.lambda, net.hidden);
  activity_ = kept(state.activity, net.hidden);
  delta_v_ = zeros<T>(below);
  delta_h_ = zeros<T>(above);
  outers_.resize(static_cast<std::size_t>((s_.centered ? 2 : 0) + (activity_.empty() ? 0 : 1)),
                 Outer{zeros<T>(below), zeros<T>(above)});
  if (s_.centered) {
    by_hidden_ = zeros<T>(above * below);
    by_visible_ = zeros<T>((net.visible + kBlockUnits - 1) / kBlockUnits * above);
  }
}

// The parts of the gradient that depend only on sums over the rows.
template <class T>
void Update<T>::means(const Phase<T>& positive, const Phase<T>& negative, T share) {
  std::size_t outer = 0;
  for (std::size_t i = 0; i < delta_v_.size(); ++i) delta_v_[i] = positive.v[i] - negative.v[i];
  for (std::size_t j = 0; j < delta_h_.size(); ++j)
    delta_h_[j] = positive.hidden_bias()[j] + negative.hidden_bias()[j];  // negative has its sign
  const T weight = share > T(0) ? T(1) / share : T(0);
  if (s_.centered) {  // (v - mu)(h - lambda)': Montavon and Mueller 2012; Melchior et al. 2016
    const T rate = static_cast<T>(s_.offset_rate);
    const T scale = weight / static_cast<T>(s_.mean_length);
    for (std::size_t i = 0; i < mu_.size(); ++i) mu_[i] += rate * (positive.v[i] * scale - mu_[i]);
    for (std::size_t j = 0; j < lambda_.size(); ++j)
      lambda_[j] += rate * (positive.h[j] * weight - lambda_[j]);
    for (std::size_t i = 0; i < mu_.size(); ++i) {
      outers_[0].left[i] = -mu_[i];
      outers_[1].left[i] = -delta_v_[i];
    }
    outers_[0].right = delta_h_;
    outers_[1].right = lambda_;
    outer = 2;
  }
  if (!activity_.empty()) {  // Lee, Ekanadham and Ng 2008; Hinton 2010, section 11
    const T keep = static_cast<T>(s_.sparsity_decay);
    const T cost = static_cast<T>(s_.sparsity_cost), target = static_cast<T>(s_.sparsity_target);
    for (std::size_t j = 0; j < activity_.size(); ++j) {
      activity_[j] = keep * activity_[j] + (T(1) - keep) * positive.h[j] * weight;
      outers_[outer].right[j] = cost * (target - activity_[j]);
    }
    outers_[outer].left = positive.v;
  }
}

template <class T>
GIBBOUS_INLINE Vec<T> Update<T>::correct(Index d, Index h, Vec<T> g) const {
  for (const Outer& o : outers_)
    g += o.left[static_cast<std::size_t>(d)] * load(o.right.data() + h);
  return g;
}

// Applies rows d of panel q: gradient [row][32] to a step of every matrix that is kept.
template <class T>
void Update<T>::step_rows(Index q, Range d, T* gradient, const Margins& margins) {
  constexpr int L = kLanes<T>;
  const T momentum = static_cast<T>(s_.momentum);
  const T l1 = static_cast<T>(s_.l1), l2 = static_cast<T>(s_.l2);
  const T fast_decay = static_cast<T>(s_.fast_decay);
  for (Index i = d.begin; i < d.end; ++i, gradient += kPanel) {
    T* w = net_.up.panel(q) + i * kPanel;
    const T unit = net_.variance.empty() ? T(1) : net_.variance[static_cast<std::size_t>(i)];
    const T rate = static_cast<T>(s_.rate) * unit, fast_rate = static_cast<T>(s_.fast_rate) * unit;
    Vec<T> dot{}, along{};
    GIBBOUS_UNROLL
    for (int j = 0; j < kPanel; j += L) {
      const Vec<T> g = correct(i, q * kPanel + j, load(gradient + j));
      if (s_.centered) {
        dot += g * load(lambda_.data() + q * kPanel + j);
        T* above = margins.above + j;
        store(above, load(above) + unit * mu_[static_cast<std::size_t>(i)] * g);
      }
      const Vec<T> old = load(w + j);
      if (margins.along) {
        const T a = net_.a[static_cast<std::size_t>(i)];
        const T p = net_.precision[static_cast<std::size_t>(i)];
        const Vec<T> held = p * (a + old * T(0.5)) * load(delta_h_.data() + q * kPanel + j);
        along += old * (load(gradient + j) - held);
      }
      const Vec<T> sign = (old > T(0) ? splat(l1) : Vec<T>{}) - (old < T(0) ? splat(l1) : Vec<T>{});
      Vec<T> move = rate * (g - l2 * old - sign);
      if (momentum_) {
        T* speed = velocity_.panel(q) + i * kPanel + j;
        move += momentum * load(speed);
        store(speed, move);
      }
      store(w + j, old + move);
      put_words(net_.up, q, i * kPanel + j, old + move);
      if (fast_) {
        T* f = fast_up_.panel(q) + i * kPanel + j;
        const Vec<T> fresh = fast_decay * load(f) + fast_rate * g;
        store(f, fresh);
        store(chain_.up.panel(q) + i * kPanel + j, old + move + fresh);
        put_words(chain_.up, q, i * kPanel + j, old + move + fresh);
      }
    }
    if (s_.centered) margins.below[i] = lane_sum<T>(dot);
    if (margins.along) margins.along[i] = lane_sum<T>(along);
  }
}

template <class T>
void Update<T>::turn_rows(Index q, Range d) {
  Weights<T>& up = fast_ ? chain_.up : net_.up;
  Weights<T>& down = fast_ ? chain_.down : net_.down;
  if (up.words.empty()) {
    for (Index i = d.begin; i < d.end; i += kPanel)
      transpose_block(up.panel(q) + i * kPanel, down.panel(i / kPanel) + q * kPanel * kPanel);
    return;
  }
  // a matrix unit reads only the words, which are transposed on the fly
  for (Index i = d.begin; i < d.end; i += kPanel)
    transpose_block(up.panel_words(q) + i * kPanel,
                    down.panel_words(i / kPanel) + q * kPanel * kPanel);
}

template <class T>
void Update<T>::tile(const Execution& run, const Phase<T>& positive, const Phase<T>& negative,
                     Index q, Range d, std::uint64_t name, Scratch<T>& mine) {
  T* sums = mine.sums.data();
  std::fill(sums, sums + (d.end - d.begin) * kPanel, T(0));
  add_phase(run, positive, q, d, name, mine, mine.left[0]);
  add_phase(run, negative, q, d, name, mine, mine.left[1]);
  Margins margins;
  const Index width = panels_of(net_.visible) * kPanel;
  if (s_.centered) {
    margins.below = by_hidden_.data() + q * width;
    margins.above =
        by_visible_.data() + (d.begin / kBlockUnits * panels_of(net_.hidden) + q) * kPanel;
    std::fill(margins.above, margins.above + kPanel, T(0));
  }
  if (variances_) margins.along = by_weight_.data() + q * width;
  step_rows(q, d, sums, margins);
  turn_rows(q, d);
}

template <class T>
void Update<T>::move(Index n, const Buffer<T>& gradient, const Buffer<T>& scale, Buffer<T>& speed,
                     Buffer<T>& bias) const {
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    T step = static_cast<T>(s_.rate) * gradient[i];
    if (!scale.empty()) step *= scale[i];
    if (!speed.empty()) speed[i] = step = static_cast<T>(s_.momentum) * speed[i] + step;
    bias[i] += step;
  }
}

// For the derivative with the component weights of the mixture held constant: b~_j = b_j + sum_i
// (a_i W_ji + W_ji^2 / 2) / s_i^2 instead of b_j. For one binary hidden unit this is
//   d log P / d z_i = <(v_i - a_i - W_ji h_j)^2> / (2 s_i^2), data minus model;
// with b_j itself, the noise of <h> enters through a_i W_ji / s_i^2 and dominates for units with a
// small variance.
template <class T>
void Update<T>::step_variances(const Execution& run, const Phase<T>& positive,
                               const Phase<T>& negative) {
  const Index width = panels_of(net_.visible) * kPanel;
  const T most = static_cast<T>(kMostStep), rate = static_cast<T>(s_.variance_rate);
  Buffer<T> change = net_.precision;
  for (std::size_t i = 0; i < static_cast<std::size_t>(net_.visible); ++i) {
    T g = (positive.square[i] - negative.square[i]) * net_.precision[i] / T(2);
    for (Index q = 0; q < panels_of(net_.hidden); ++q)
      g -= by_weight_[static_cast<std::size_t>(q * width) + i];
    T step = std::clamp(rate * g, -most, most);
    if (!speed_z_.empty()) {
      step = std::clamp(static_cast<T>(s_.momentum) * speed_z_[i] + step, -most, most);
      speed_z_[i] = step;
    }
    net_.z[i] = std::clamp(net_.z[i] + step, static_cast<T>(s_.least_z), static_cast<T>(s_.most_z));
  }
  net_.set_variances();
  for (std::size_t i = 0; i < change.size(); ++i) change[i] -= net_.precision[i];
  parallel_tasks(run, panels_of(net_.hidden), [&](Index q, const Worker&) {
    const T* w = net_.up.panel(q);
    T* b = net_.b.data() + q * kPanel;
    for (Index i = 0; i < net_.visible; ++i, w += kPanel) {
      const T c = change[static_cast<std::size_t>(i)], a = net_.a[static_cast<std::size_t>(i)];
      for (Index j = 0; j < kPanel; ++j) b[j] += c * w[j] * (a + w[j] / T(2));
    }
  });
  if (!fast_) return;
  chain_.z = net_.z;
  chain_.set_variances();
  for (std::size_t j = 0; j < fast_b_.size(); ++j) chain_.b[j] = net_.b[j] + fast_b_[j];
}

template <class T>
void Update<T>::step_biases() {
  const Index below = panels_of(net_.visible), above = panels_of(net_.hidden);
  // a bias that counts D times moves the input of its unit D times as far
  if (net_.units.visible == Visible::counts)
    for (T& g : delta_h_) g /= static_cast<T>(s_.mean_length);
  if (s_.centered) {  // the gradient of the biases in centered coordinates
    for (Index q = 0; q < above; ++q)
      for (Index i = 0; i < net_.visible; ++i)
        delta_v_[static_cast<std::size_t>(i)] -=
            by_hidden_[static_cast<std::size_t>(q * below * kPanel + i)];
    const Index blocks = (net_.visible + kBlockUnits - 1) / kBlockUnits;
    for (Index block = 0; block < blocks; ++block)
      for (Index j = 0; j < net_.hidden; ++j)
        delta_h_[static_cast<std::size_t>(j)] -=
            by_visible_[static_cast<std::size_t>(block * above * kPanel + j)];
  }
  if (!activity_.empty())
    for (std::size_t j = 0; j < delta_h_.size(); ++j) delta_h_[j] += outers_.back().right[j];
  move(net_.visible, delta_v_, net_.variance, speed_a_, net_.a);
  move(net_.hidden, delta_h_, Buffer<T>(), speed_b_, net_.b);
  if (!fast_) return;
  const T rate = static_cast<T>(s_.fast_rate), decay = static_cast<T>(s_.fast_decay);
  const auto quick = [&](Index n, const Buffer<T>& gradient, const Buffer<T>& scale,
                         const Buffer<T>& bias, Buffer<T>& fast, Buffer<T>& sum) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      const T unit = scale.empty() ? T(1) : scale[i];
      fast[i] = decay * fast[i] + rate * unit * gradient[i];
      sum[i] = bias[i] + fast[i];
    }
  };
  quick(net_.visible, delta_v_, net_.variance, net_.a, fast_a_, chain_.a);
  quick(net_.hidden, delta_h_, Buffer<T>(), net_.b, fast_b_, chain_.b);
}

template <class T>
void Update<T>::apply(const Execution& run, const Phase<T>& positive, const Phase<T>& negative,
                      T share, Scratches<T>& scratch) {
  means(positive, negative, share);
  const Index width = panels_of(net_.visible) * kPanel, above = panels_of(net_.hidden);
  const Index blocks = (width + kBlockUnits - 1) / kBlockUnits;
  const std::uint64_t made = scratch.made;
  scratch.made += static_cast<std::uint64_t>(blocks);
  parallel_tasks(run, above * blocks, [&](Index task, const Worker& worker) {
    const Index block = task / above, first = block * kBlockUnits;
    tile(run, positive, negative, task % above, {first, std::min(width, first + kBlockUnits)},
         made + 1 + static_cast<std::uint64_t>(block),
         scratch[static_cast<std::size_t>(worker.index())]);
  });
  step_biases();
  if (variances_) step_variances(run, positive, negative);
}

template <class T>
void Update<T>::unpack(const Execution& run, Parameters<T> net, StepState<T>& state) const {
  const auto give = [](const Buffer<T>& from, Index n, T* to) {
    if (to) std::copy(from.data(), from.data() + n, to);
  };
  unpack_weights(run, net_.up, net.w);
  give(net_.a, net.visible, net.a);
  give(net_.b, net.hidden, net.b);
  if (variances_) give(net_.z, net.visible, net.z);
  if (momentum_) {
    unpack_weights(run, velocity_, state.velocity.w);
    give(speed_a_, net.visible, state.velocity.a);
    give(speed_b_, net.hidden, state.velocity.b);
    if (!speed_z_.empty()) give(speed_z_, net.visible, state.velocity.z);
  }
  if (fast_) {
    unpack_weights(run, fast_up_, state.fast.w);
    give(fast_a_, net.visible, state.fast.a);
    give(fast_b_, net.hidden, state.fast.b);
  }
  give(mu_, net.visible, state.mu);
  give(lambda_, net.hidden, state.lambda);
  give(activity_, net.hidden, state.activity);
}

template class Update<float>;
template class Update<double>;

}  // namespace gibbous::layers
