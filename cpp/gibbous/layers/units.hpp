// SPDX-License-Identifier: Apache-2.0
// Units that are not binary: the outputs of a pass to them.
#pragma once
#include <cmath>

#include "gibbous/layers/pack.hpp"

namespace gibbous::layers {

// ---- Gaussian units -----------------------------------------------------------------------------

namespace detail {

// Normal deviates from 32 random bits each, by inversion of the distribution function (Wichura
// 1988, algorithm AS 241, relative error 1e-16): one bit for the sign and 31 for the tail.
template <class T>
GIBBOUS_INLINE Vec<T> normal_deviates(const std::uint32_t* words) {
  constexpr T a[] = {T(3.3871328727963666080e0), T(1.3314166789178437745e2),
                     T(1.9715909503065514427e3), T(1.3731693765509461125e4),
                     T(4.5921953931549871457e4), T(6.7265770927008700853e4),
                     T(3.3430575583588128105e4), T(2.5090809287301226727e3)};
  constexpr T b[] = {T(1),
                     T(4.2313330701600911252e1),
                     T(6.8718700749205790830e2),
                     T(5.3941960214247511077e3),
                     T(2.1213794301586595867e4),
                     T(3.9307895800092710610e4),
                     T(2.8729085735721942674e4),
                     T(5.2264952788528545610e3)};
  constexpr T c[] = {T(1.42343711074968357734e0),  T(4.63033784615654529590e0),
                     T(5.76949722146069140550e0),  T(3.64784832476320460504e0),
                     T(1.27045825245236838258e0),  T(2.41780725177450611770e-1),
                     T(2.27238449892691845833e-2), T(7.74545014278341407640e-4)};
  constexpr T d[] = {T(1),
                     T(2.05319162663775882187e0),
                     T(1.67638483018380384940e0),
                     T(6.89767334985100004550e-1),
                     T(1.48103976427480074590e-1),
                     T(1.51986665636164571966e-2),
                     T(5.47593808499534494600e-4),
                     T(1.05075007164441684324e-9)};
  using Narrow = typename VectorOf<std::int32_t, kLanes<T> * 4>::type;
  Narrow w;
  std::memcpy(&w, words, sizeof w);
  const Vec<T> sign = __builtin_convertvector((w >> 31) | 1, Vec<T>);
  const Vec<T> tail = (__builtin_convertvector(w & 0x7FFFFFFF, Vec<T>) + T(0.5)) * T(0x1p-32);
  const Vec<T> q = T(0.5) - tail;
  const Vec<T> near = T(0.180625) - q * q;
  const Vec<T> middle = q * gibbous::detail::horner(near, a) / gibbous::detail::horner(near, b);
  const Vec<T> l = -vlog<T>(tail);
  Vec<T> root{};
  GIBBOUS_UNROLL
  for (int i = 0; i < kLanes<T>; ++i) root[i] = std::sqrt(l[i]);
  const Vec<T> far = root - T(1.6);
  const Vec<T> outer = gibbous::detail::horner(far, c) / gibbous::detail::horner(far, d);
  return sign * (q <= T(0.425) ? middle : outer);
}

}  // namespace detail

// ---- stepped sigmoid units ----------------------------------------------------------------------
//
// With input x the copies of a unit are on with probabilities sigmoid(x - k + 1/2), k = 1, 2 ...
// Their number n has, by the product identities of Euler and Jacobi for q = 1/e,
//   P(n) = exp(n x - n^2 / 2 - S(x)) / ((1 - q) ... (1 - q^n)),
//   S(x) = sum_k log(1 + exp(x - k + 1/2)),   S(x) + S(-x) = x^2 / 2 + kStepLevel,
// the last up to 5.4e-9 (the next term of the theta function), its derivative up to 3.4e-8. Draws
// are therefore exact, whereas Nair and Hinton (2010) approximate them by max(0, x + N(0,
// sigmoid(x))), and a free energy exists.

// log(2 pi) / 2 - sum_k log(1 - exp(-k)).
inline constexpr double kStepLevel = 1.6032674001815597;

namespace detail {

template <class T>
inline constexpr int kFactors = sizeof(T) == 4 ? 18 : 37;  // exp(1/2 - kFactors) is negligible

// The product of 1 + exp(y - k + 1/2) for y <= 0, and the derivative of its logarithm.
template <class T>
struct StepSum {
  Vec<T> product, slope;
};
template <class T>
GIBBOUS_INLINE StepSum<T> step_sum(Vec<T> y) {
  constexpr T shrink = T(0.36787944117144232);  // 1 / e
  Vec<T> e = vexp<T>(y - T(0.5)), product = splat(T(1)), turn{};
  for (int k = 0; k < kFactors<T>; ++k) {
    turn = turn * (T(1) + e) + product * e;
    product *= T(1) + e;
    e *= shrink;
  }
  return {product, turn / product};
}

// Inputs beyond this are effectively infinite; clipping keeps the results finite.
template <class T>
GIBBOUS_INLINE Vec<T> bounded(Vec<T> x) {
  const Vec<T> most = splat(T(1e6));
  x = x < most ? x : most;  // NaN becomes `most`, and is still visible in the weights
  return x > -most ? x : -most;
}

}  // namespace detail

// S(x).
template <class T>
GIBBOUS_INLINE Vec<T> step_softplus(Vec<T> x) {
  x = detail::bounded<T>(x);
  const Vec<T> other = vlog<T>(detail::step_sum<T>(x < T(0) ? x : -x).product);
  return x < T(0) ? other : x * x * T(0.5) + T(kStepLevel) - other;
}

// E(n) = S'(x).
template <class T>
GIBBOUS_INLINE Vec<T> step_mean(Vec<T> x) {
  x = detail::bounded<T>(x);
  const Vec<T> slope = detail::step_sum<T>(x < T(0) ? x : -x).slope;
  return x < T(0) ? slope : x + slope;
}

// n by inversion, from 24 random bits of each word.
template <class T>
GIBBOUS_INLINE Vec<T> step_draw(Vec<T> x, const std::uint32_t* words) {
  constexpr T shrink = T(0.36787944117144232);
  x = detail::bounded<T>(x);
  const Vec<T> y = x < T(0) ? x : -x;
  const Vec<T> product = detail::step_sum<T>(y).product;
  // the probability below n = x - 6 is less than the resolution of the draws
  const Vec<T> low = x > T(7) ? x - T(6) : Vec<T>{};
  Vec<T> n = __builtin_convertvector(__builtin_convertvector(low, Bits<T>), Vec<T>);
  Vec<T> f = vexp<T>(-n) * shrink, others = splat(T(1));  // f: q^(n + 1)
  Vec<T> g = f;
  for (int k = 0; k < detail::kFactors<T>; ++k) {
    others *= T(1) - g;
    g *= shrink;
  }
  const Vec<T> away = x - n;
  const Vec<T> bell = vexp<T>(away * away * T(-0.5)) * T(0.3989422804014327);
  // for x < 0, P(n = 0) is exp(-S(x)) itself
  Vec<T> chance = x < T(0) ? T(1) / product : bell * product * others;
  Vec<T> ratio = vexp<T>(x < T(0) ? x - T(0.5) : away - T(0.5));
  const Vec<T> u = widen_draws<T>(words) * T(0x1p-24);
  Vec<T> sum = chance;
  for (int k = 0; k < 14; ++k) {
    n += u > sum ? splat(T(1)) : Vec<T>{};
    chance *= ratio / (T(1) - f);
    ratio *= shrink;
    f *= shrink;
    sum += chance;
  }
  return n;
}

// ---- the targets --------------------------------------------------------------------------------

enum class Kind { binary, inputs, gaussian, stepped };

// BernoulliTarget for units of any kind. `probabilities` receives their means (Gaussian: not
// divided by the variance, whereas `states` receives v / s^2, which both products need).
template <class T>
struct Target : BernoulliTarget<T> {
  Kind kind = Kind::binary;
  const T* deviation = nullptr;  // IN [units padded], Gaussian
  const T* precision = nullptr;
  T* inputs = nullptr;  // OUT [panel][rows][32] inputs with biases, times heat, or null
  Index input_rows = 0;

  void operator()(Index p, Index first, Index count, T* sums) const {
    if (inputs) keep_inputs(p, first, count, sums);
    if (kind == Kind::binary) BernoulliTarget<T>::operator()(p, first, count, sums);
    if (kind == Kind::gaussian) rows(p, first, count, sums, &Target::gaussian_row);
    if (kind == Kind::stepped) rows(p, first, count, sums, &Target::stepped_row);
  }

 private:
  using Row = void (Target::*)(Index, Index, const T*, const std::uint32_t*) const;

  void keep_inputs(Index p, Index first, Index count, const T* sums) const {
    constexpr int L = kLanes<T>;
    for (Index r = 0; r < count; ++r, sums += kPanel) {
      const T beta = this->heat ? this->heat[first + r] : T(1);
      T* out = inputs + (p * input_rows + first + r) * kPanel;
      GIBBOUS_UNROLL
      for (int j = 0; j < kPanel; j += L)
        store(out + j, (load(sums + j) + load(this->bias + p * kPanel + j)) * beta);
    }
  }

  void rows(Index p, Index first, Index count, const T* sums, Row row) const {
    alignas(64) std::uint32_t words[kGroupWords];
    for (Index r = 0; r < count; ++r, sums += kPanel) {
      const Index i = first + r;
      if (this->draws && (i % 2 == 0 || r == 0)) this->draws->pair(i / 2, p, words);
      (this->*row)(p, i, sums, words + i % 2 * kPanel);
    }
  }

  // The temperature scales the input from the hidden units, so that every rung is a distribution.
  void gaussian_row(Index p, Index row, const T* sums, const std::uint32_t* words) const {
    constexpr int L = kLanes<T>;
    const T beta = this->heat ? this->heat[row] : T(1);
    for (int j = 0; j < kPanel; j += L) {
      const Index i = p * kPanel + j;
      const Vec<T> mean = load(sums + j) * beta + load(this->bias + i);
      if (this->probabilities)
        store(this->probabilities + (p * this->stride + row) * kPanel + j, mean);
      if (!this->draws) continue;
      const Vec<T> v = mean + load(deviation + i) * detail::normal_deviates<T>(words + j);
      store(this->states->row(row) + i, v * load(precision + i));
    }
  }

  void stepped_row(Index p, Index row, const T* sums, const std::uint32_t* words) const {
    constexpr int L = kLanes<T>;
    const T beta = this->heat ? this->heat[row] : T(1);
    const T times = this->copies ? this->copies[row] : T(1);
    const T factor = this->weight ? this->weight[row] * this->scale : this->scale;
    Vec<T> energy{};
    for (int j = 0; j < kPanel; j += L) {
      const Index i = p * kPanel + j;
      const Vec<T> input = load(sums + j) + load(this->bias + i) * times;
      const Bits<T> units = input > kOff<T> / T(2);
      const auto masked = [&](Vec<T> x) {
        return reinterpret_cast<Vec<T>>(reinterpret_cast<Bits<T>>(x) & units);
      };
      if (this->probabilities)
        store(this->probabilities + (p * this->stride + row) * kPanel + j,
              masked(step_mean<T>(input * beta)) * factor);
      if (!this->draws) continue;
      const Vec<T> n = masked(step_draw<T>(input * beta, words + j));
      store(this->states->row(row) + i, n);
      if (this->energies) energy += masked(n * input);
    }
    if (this->draws && this->energies) this->energies[p * this->stride + row] = lane_sum<T>(energy);
  }
};

// ---- visible units ------------------------------------------------------------------------------

template <class T>
Kind hidden_kind(const Packed<T>& m) {
  return m.units.hidden == Hidden::stepped ? Kind::stepped : Kind::binary;
}
template <class T>
bool visible_bits(const Packed<T>& m) {
  return m.units.visible == Visible::binary;
}

// Converts loaded data to what the upward pass needs: v / s^2 for Gaussian units, and the lengths
// of rows of counts.
template <class T>
void ready_rows(const Execution& run, const Packed<T>& m, Layer<T>& v);

// Clamped visible states and their values.
template <class T>
struct Clamp {
  const T* known = nullptr;  // IN (rows, visible), NaN where free; null for no clamp
};

// A pass down to visible units of any kind. Units that cannot be drawn panel by panel (groups,
// counts) are drawn in a second step from the inputs that the first one stored.
template <class T>
class Descent {
 public:
  // target: bias, heat, draws, states, probabilities and stride are set by the caller
  void operator()(const Execution& run, const Layer<T>& h, const Packed<T>& m, Target<T> target,
                  Scratches<T>& scratch, Clamp<T> clamp = {});

 private:
  void draw_groups(const Execution& run, const Packed<T>& m, const Target<T>& target);
  void draw_counts(const Execution& run, const Packed<T>& m, const Target<T>& target,
                   Clamp<T> clamp);
  void hold(const Packed<T>& m, Layer<T>& v, Clamp<T> clamp);
  void gather(Index row, Index begin, Index end, T* out) const;

  Buffer<T> inputs_;
  Index rows_ = 0;
};

}  // namespace gibbous::layers
