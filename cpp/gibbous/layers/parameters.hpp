// SPDX-License-Identifier: Apache-2.0
// The units of two neighboring layers, and the parameters between them:
//
// - binary units, of two states;
// - groups of visible units of which exactly one is on: the categories of a variable;
// - counts (replicated softmax, Salakhutdinov and Hinton 2009): a row is D draws from one softmax
//   over all visible units, and the hidden biases count D times;
// - Gaussian visible units with log variances z that are learned;
// - stepped sigmoid hidden units (Nair and Hinton 2010).
//
// The lower layer is called visible and the upper one hidden, wherever they lie in a model.
#pragma once
#include "gibbous/ground/types.hpp"

namespace gibbous::layers {

enum class Visible { binary, gaussian, counts };
enum class Hidden { binary, stepped };

// What the units of both layers are.
struct Units {
  Visible visible = Visible::binary;
  Hidden hidden = Hidden::binary;
  Index n_groups = 0;
  // IN (n_groups, 2), with binary: the first unit of a group of which one is on, and one past its
  // last. Groups ascend and do not overlap; units in none of them are units of two states.
  const Index64* groups = nullptr;
};

// The parameters, in the caller's arrays.
template <class T>
struct Parameters {
  Index visible, hidden;
  T* w;            // INOUT (hidden, visible)
  T* a;            // INOUT (visible,)
  T* b;            // INOUT (hidden,)
  T* z = nullptr;  // INOUT (visible,) log variances of Gaussian units, else null
  Units units = {};
};

// A step of the parameters along a gradient: momentum, penalties, the centered gradient, a sparse
// hidden layer, fast weights, variances.
struct StepSettings {
  double rate = 0.1;
  double momentum = 0.0;
  double l1 = 0.0, l2 = 0.0;
  bool centered = false;
  double offset_rate = 0.01;  // of the moving averages that the centered gradient subtracts
  double sparsity_target = 0.0, sparsity_cost = 0.0, sparsity_decay = 0.9;
  double fast_rate = 0.0, fast_decay = 0.95;
  // Gaussian units: the rate of z (0: not learned), and where z must stay.
  double variance_rate = 0.0, least_z = -7.0, most_z = 2.0;
  double mean_length = 1.0;  // of rows of counts: what the centered gradient's averages divide by
};

// What steps keep from one to the next, the caller's. Null where the settings have no use for it.
template <class T>
struct StepState {
  Parameters<T> velocity{};  // w null without momentum
  Parameters<T> fast{};      // w null but for fast weights
  T* mu = nullptr;           // (visible,) moving averages of the data, where centered
  T* lambda = nullptr;       // (hidden,)
  T* activity = nullptr;     // (hidden,) moving average of the hidden units, where sparse
};

}  // namespace gibbous::layers
