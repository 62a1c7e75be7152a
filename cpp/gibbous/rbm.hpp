// SPDX-License-Identifier: Apache-2.0
// Restricted Boltzmann machines: E(v, h) = -a.v - b.h - h.W v for units of two states (Smolensky
// 1986; Hinton 2002), and the same machine with other units:
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

#include "gibbous/parallel.hpp"

namespace gibbous::rbm {

enum class Visible { binary, gaussian, counts };
enum class Hidden { binary, stepped };

// What the units of a machine are.
struct Units {
  Visible visible = Visible::binary;
  Hidden hidden = Hidden::binary;
  Index n_groups = 0;
  // IN (n_groups, 2), with binary: the first unit of a group of which one is on, and one past its
  // last. Groups ascend and do not overlap; units in none of them are units of two states.
  const Index64* groups = nullptr;
};

// A machine's parameters, the caller's.
template <class T>
struct Parameters {
  Index visible, hidden;
  T* w;            // INOUT (hidden, visible)
  T* a;            // INOUT (visible,)
  T* b;            // INOUT (hidden,)
  T* z = nullptr;  // INOUT (visible,) log variances of Gaussian units, else null
  Units units = {};
};

// Rows of visible states as the caller keeps them; one of the pointers is set.
template <class T>
struct Source {
  Index n, d;
  const std::uint32_t* bits = nullptr;  // (n, ceil(d / 32)) bit j of word i is unit 32 i + j
  const std::uint8_t* bytes = nullptr;  // (n, d)
  const T* real = nullptr;              // (n, d)
  const T* data = nullptr;              // CSR, zeros not stored
  const Index32* indices = nullptr;
  const Index64* indptr = nullptr;
  T scale = T(1);             // factor that brings bytes and numbers to [0, 1]
  bool sample = false;        // numbers are probabilities of states to be drawn anew
  bool ones = false;          // CSR of which every entry is a unit that is on
  const T* weight = nullptr;  // (n,) with mean 1, or null

  bool binary() const { return bits || sample || ones; }
};

enum class Method { cd, pcd, fast_pcd, tempering };

struct Settings {
  Method method = Method::pcd;
  Index gibbs_steps = 1;
  Index batch_size = 10;
  double rate = 0.1;
  double momentum = 0.0;
  double l1 = 0.0, l2 = 0.0;
  bool centered = false;
  double offset_rate = 0.01;  // of the moving averages that the centered gradient subtracts
  double sparsity_target = 0.0, sparsity_cost = 0.0, sparsity_decay = 0.9;
  double fast_rate = 0.0, fast_decay = 0.95;
  Index temperatures = 1;  // replicas of parallel tempering
  // Gaussian units: the rate of z (0: not learned), and where z must stay.
  double variance_rate = 0.0, least_z = -7.0, most_z = 2.0;
  double mean_length = 1.0;  // of rows of counts: what the centered gradient's averages divide by
  std::uint64_t seed = 0;
};

// What training keeps between calls, the caller's. Null where the settings have no use for it.
template <class T>
struct State {
  Parameters<T> velocity{};    // w null without momentum
  Parameters<T> fast{};        // w null but for fast_pcd
  T* mu = nullptr;             // (visible,) moving averages of the data, where centered
  T* lambda = nullptr;         // (hidden,)
  T* activity = nullptr;       // (hidden,) moving average of the hidden units, where sparse
  T* chains = nullptr;         // (temperatures * n_chains, hidden) states; null for cd
  const T* lengths = nullptr;  // IN (n_chains,) draws of a chain, for counts
  Index n_chains = 0;
  std::uint32_t step = 0;  // sampling steps made so far: the address of the next draws
};

// One pass over the rows order[0 .. count) in mini-batches of settings.batch_size, one gradient
// step each, in place. Nothing is written to `net` or `state` when the pass does not come to its
// end.
template <class T>
void train(const Execution& run, const Source<T>& x, const Index64* order, Index count,
           const Settings& settings, Parameters<T> net, State<T>& state);

// out (n, hidden): E(h | v), which for units of two states is P(h = 1 | v).
template <class T>
void hidden_means(const Execution& run, const Source<T>& x, Parameters<T> net, T* out);

// out (n, hidden): a draw from P(h | v), of which seed and step are the address.
template <class T>
void draw_hidden(const Execution& run, const Source<T>& x, Parameters<T> net, std::uint64_t seed,
                 std::uint32_t step, T* out);

// out (n,): F(v) with P(v) = exp(-F(v)) / Z, in double: -a.v - sum_j log(1 + exp(b_j + W_j v)) for
// units of two states. For counts P is that of a row's draws in one order.
template <class T>
void free_energies(const Execution& run, const Source<T>& x, Parameters<T> net, double* out);

// Runs `steps` steps of block Gibbs sampling on chains of hidden states (chains, hidden), in place;
// out (chains, visible): the last visible states, or their means where `means` is set. Visible
// units whose entry in clamp (chains, visible) is not NaN keep that state; null for none. A group's
// units are clamped together. lengths (chains,): draws of every chain, for counts.
template <class T>
void gibbs(const Execution& run, Parameters<T> net, Index chains, Index steps, std::uint64_t seed,
           std::uint32_t step, const T* clamp, const T* lengths, bool means, T* hidden, T* out);

// out (n,): log P(one variable of the row | all others), the variable chosen[r] of row r in
// [0, visible) by its first unit: a unit, or all of a group; for counts one of the row's draws,
// which is a `chosen` one. Gaussian units: a density, integrated by the trapezoid rule in steps of
// s, which is exact to 1e-8 for what is a mixture of Gaussians of that width.
template <class T>
void conditionals(const Execution& run, const Source<T>& x, Parameters<T> net,
                  const Index64* chosen, double* out);

// out (n, size of the group): -F of every row with one unit of the group on after the other,
// whatever the row holds there.
template <class T>
void group_energies(const Execution& run, const Source<T>& x, Parameters<T> net, Index group,
                    double* out);

// Words of 32 states from bytes or numbers (n, d); false where an entry is neither 0 nor 1.
template <class V>
bool pack_states(const Execution& run, const V* x, Index n, Index d, std::uint32_t* words);

}  // namespace gibbous::rbm
