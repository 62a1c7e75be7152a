// SPDX-License-Identifier: Apache-2.0
// Restricted Boltzmann machines: E(v, h) = -a.v - b.h - h.W v for binary units (Smolensky 1986;
// Hinton 2002), and machines with other units:
//
// - groups of visible units of which exactly one is on: the categories of a variable;
// - counts (replicated softmax, Salakhutdinov and Hinton 2009): a row is D draws from one softmax
//   over all visible units, and the hidden biases count D times;
// - Gaussian visible units: E(v, h) = sum_i (v_i - a_i)^2 / (2 s_i^2) - b.h - h.W (v / s^2), with
//   z_i = log s_i^2 learned (Cho, Ilin and Raiko 2011);
// - stepped sigmoid hidden units (Nair and Hinton 2010): infinitely many copies of a unit with the
//   same weights and biases b - 1/2, b - 3/2 ...; the state is how many of them are on.
#pragma once
#include <cstdint>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/layers/parameters.hpp"
#include "gibbous/layers/source.hpp"

namespace gibbous::rbm {

using namespace layers;

enum class Method { cd, pcd, fast_pcd, tempering };

struct Settings : StepSettings {
  Method method = Method::pcd;
  Index gibbs_steps = 1;
  Index batch_size = 10;
  Index temperatures = 1;  // replicas of parallel tempering
  std::uint64_t seed = 0;
};

// State kept between training calls, owned by the caller.
template <class T>
struct State : StepState<T> {
  T* chains = nullptr;         // (temperatures * n_chains, hidden) states; null for cd
  const T* lengths = nullptr;  // IN (n_chains,) number of draws of each chain, for counts
  Index n_chains = 0;
  std::uint32_t step = 0;  // sampling steps so far: the address of the next draws
};

// One pass over the rows order[0 .. count) in mini-batches of settings.batch_size, with one
// gradient step each, in place. If the pass is interrupted, `net` and `state` are unchanged.
template <class T>
void train(const Execution& run, const Source<T>& x, const Index64* order, Index count,
           const Settings& settings, Parameters<T> net, State<T>& state);

// out (n,): F(v) with P(v) = exp(-F(v)) / Z, in double: -a.v - sum_j log(1 + exp(b_j + W_j v)) for
// binary units. For counts, P is that of the draws of a row in one order.
template <class T>
void free_energies(const Execution& run, const Source<T>& x, Parameters<T> net, double* out);

// Chains of block Gibbs sampling, owned by the caller.
template <class T>
struct Chains {
  Index n;
  T* hidden;         // INOUT (n, hidden) states
  T* visible;        // OUT (n, visible) the last states, or their means; or null
  const T* clamp;    // IN (n, visible) clamped states, NaN for units that are free; the
                     // units of a group are clamped together. Null for none
  const T* lengths;  // IN (n,) number of draws of each chain, for counts; else null
};

struct Sampling {
  Index steps;
  std::uint64_t seed;
  std::uint32_t step;  // address of the first draws: two are used per step
  bool means;          // whether the last visible states are means
};

// Runs steps of block Gibbs sampling on chains, in place.
template <class T>
void gibbs(const Execution& run, Parameters<T> net, const Chains<T>& chains, const Sampling& how);

// out (n,): log P(one variable of the row | all others), the variable chosen[r] of row r, given by
// its first unit in [0, visible): a unit, or all of a group; for counts one of the draws of the
// row, which is a `chosen` one. Gaussian units: a density, integrated by the trapezoidal rule with
// step s, which is accurate to 1e-8 for a mixture of Gaussians of that width.
template <class T>
void conditionals(const Execution& run, const Source<T>& x, Parameters<T> net,
                  const Index64* chosen, double* out);

// out (n, size of the group): -F of every row with each unit of the group on in turn, ignoring the
// values of the group in the row.
template <class T>
void group_energies(const Execution& run, const Source<T>& x, Parameters<T> net, Index group,
                    double* out);

}  // namespace gibbous::rbm
