// SPDX-License-Identifier: Apache-2.0
// The units of two adjacent layers, and the parameters between them:
//
// - binary units;
// - groups of visible units of which exactly one is on: the categories of a variable;
// - counts (replicated softmax, Salakhutdinov and Hinton 2009): a row is D draws from one softmax
//   over all visible units, and the hidden biases count D times;
// - Gaussian visible units with log variances z that are learned;
// - stepped sigmoid hidden units (Nair and Hinton 2010).
//
// The lower layer is called visible and the upper one hidden, regardless of their place in a model.
#pragma once
#include "gibbous/ground/types.hpp"

namespace gibbous::layers {

enum class Visible { binary, gaussian, counts };
enum class Hidden { binary, stepped };

// The kinds of the units of both layers.
struct Units {
  Visible visible = Visible::binary;
  Hidden hidden = Hidden::binary;
  Index n_groups = 0;
  // IN (n_groups, 2), with binary: the first unit of a group and one past its last. Exactly one
  // unit of a group is on. Groups are ascending and do not overlap; units outside of them are
  // binary.
  const Index64* groups = nullptr;
};

// The parameters, in the arrays of the caller.
template <class T>
struct Parameters {
  Index visible, hidden;
  T* w;            // INOUT (hidden, visible)
  T* a;            // INOUT (visible,)
  T* b;            // INOUT (hidden,)
  T* z = nullptr;  // INOUT (visible,) log variances of Gaussian units, else null
  Units units = {};
};

// Settings of a step along a gradient: momentum, penalties, centered gradient, sparse hidden layer,
// fast weights, variances.
struct StepSettings {
  double rate = 0.1;
  double momentum = 0.0;
  double l1 = 0.0, l2 = 0.0;
  bool centered = false;
  double offset_rate = 0.01;  // rate of the moving averages that the centered gradient subtracts
  double sparsity_target = 0.0, sparsity_cost = 0.0, sparsity_decay = 0.9;
  double fast_rate = 0.0, fast_decay = 0.95;
  // Gaussian units: learning rate of z (0: not learned) and the bounds of z.
  double variance_rate = 0.0, least_z = -7.0, most_z = 2.0;
  double mean_length = 1.0;  // of rows of counts; divides the averages of the centered gradient
};

// State kept between steps, owned by the caller. Null if the settings do not use it.
template <class T>
struct StepState {
  Parameters<T> velocity{};  // w null without momentum
  Parameters<T> fast{};      // w null without fast weights
  T* mu = nullptr;           // (visible,) moving averages of the data, if centered
  T* lambda = nullptr;       // (hidden,)
  T* activity = nullptr;     // (hidden,) moving average of the hidden units, if sparse
};

}  // namespace gibbous::layers
