// SPDX-License-Identifier: Apache-2.0
// The normalizing constant Z of a machine with binary units: summed exactly if one layer is small,
// or estimated by annealed importance sampling.
#pragma once
#include "gibbous/rbm/machine.hpp"

namespace gibbous::rbm {

// Units of the smaller layer that exact_log_partition accepts: 2^30 states take about a minute.
inline constexpr Index kMostEnumerated = 30;

// log Z = log sum_h exp(b.h) prod_i (1 + exp(a_i + (h W)_i)), over all states of the smaller layer
// (the units of the other layer are independent given these), in double for any T.
//
// The factors 1 + exp(x) are multiplied instead of adding their logarithms: exp(x) of a sum is a
// product of table entries, so that a unit and state cost two multiply-adds, and there is one
// logarithm per state. Cost: 2^smaller * larger multiply-adds. Throws std::invalid_argument above
// kMostEnumerated.
template <class T>
double exact_log_partition(const Execution& run, const Parameters<T>& net);

// Annealed importance sampling (Neal 2001) along the path of Salakhutdinov and Murray (2008):
//   log p*_beta(v) = (1 - beta) base.v + beta a.v + sum_j log(1 + exp(beta (b_j + W_j v))),
// from beta = 0, a machine without weights whose Z is known, to beta = 1, the machine itself.
//
// A step costs one upward and one downward product; the upward product gives both the weights of
// the step and the next hidden states. The results of a chain do not depend on the number of other
// chains, because they are processed in blocks of kBlockRows, nor on threads.
template <class T>
struct Annealing {
  const T* base;  // IN (visible,) visible biases at beta = 0
  // IN (steps + 1) in the order of the path. If they increase from 0 to 1, the mean of exp(weight)
  // is Z_1 / Z_0; if they decrease from 1 to 0, it is Z_0 / Z_1, provided that the start is a
  // sample of the machine.
  const double* betas;
  Index steps;
  std::uint64_t seed;
  const T* hidden;  // IN (chains, hidden) states at betas[0]; unused at beta = 0
  Index chains;
};

// log_weights: OUT (chains,)
template <class T>
void anneal(const Execution& run, const Parameters<T>& net, const Annealing<T>& path,
            double* log_weights);

}  // namespace gibbous::rbm
