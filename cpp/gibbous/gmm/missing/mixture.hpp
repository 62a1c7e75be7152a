// SPDX-License-Identifier: Apache-2.0
// Gaussian mixtures on rows of which entries are missing (NaN) at random: EM on what is observed,
// and what the mixture says about the rest (Ghahramani and Jordan 1994, "Supervised learning from
// incomplete data via an EM approach"; Little and Rubin 2002, chapters 8 and 11).
//
// A row's observed entries o have the density p(x_o) = sum_k w_k N(x_o; mu_k,o, S_k,oo). Given them
// and component k, its missing entries m are Gaussian around mu_m + B (x_o - mu_o) with covariance
// C = S_mm - B S_om, B = S_mo S_oo^-1. The expected statistics are those of the rows completed so,
// once for each component, plus C for the missing block of second moments: EM on them climbs the
// likelihood of what is observed, and update() is the M-step as ever.
//
// B and C depend on the pattern of missing entries alone, so rows are taken pattern by pattern.
// Many rows of one pattern go through the kernels for complete rows, on the columns that are there,
// and their sums are completed at the end: O(rows k d_o^2 + k d^3). Where a pattern has few rows,
// its matrices are worked on with components as lanes. Diagonal covariances have B = 0.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "gibbous/gmm/mixture.hpp"

namespace gibbous::gmm {

// The rows in an order in which those of one pattern lie together. Not looked at for diagonal and
// spherical covariances, where nothing depends on the pattern.
struct Patterns {
  const Index* rows;    // IN (n,) row numbers
  const Index* starts;  // IN (count + 1,) where each pattern begins in `rows`; starts[count] = n
  Index count;
};

// Parameters in scikit-learn's layout, by covariances: marginals and conditionals come from these.
template <class T>
struct Joint {
  Covariance type;
  Index k, d;
  const T* weights;                     // IN (k,)
  const T* means;                       // IN (k, d)
  const T* covariances;                 // IN (k, d, d), (d, d), (k, d) or (k,)
  const double* log_weights = nullptr;  // IN (k,) in the place of log(weights); null for these

  double log_weight(Index c) const {
    return log_weights ? log_weights[c] : std::log(static_cast<double>(weights[c]));
  }
  // log p of a row without any entry: the sum of the weights, which is 1 for those of a mixture.
  double log_p_of_nothing() const {
    if (!log_weights) return 0.0;
    const double most = *std::max_element(log_weights, log_weights + k);
    double sum = 0.0;
    for (Index c = 0; c < k; ++c) sum += std::exp(log_weights[c] - most);
    return most + std::log(sum);
  }
};

// E-step and expected statistics in the direct mode, about the means or about `about` (k, d).
// Returns sum_i w_i log p(x_i's observed entries); rows without any count as log 1. Costs O(k d^3)
// a pattern, which many rows share or not, and O(k d^2) a row (full, tied); O(k d) a row else.
// Holds up to 64 partial sums of the size of `out` and O(k d^2) a thread. May throw std::bad_alloc
// and what run.monitor throws.
template <class T>
double accumulate_missing(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                          const T* about, const Execution& run, const Statistics& out);

// What the observed entries say about each row. Rows without any have log p = 0, and the weights as
// their responsibilities.
template <class T>
void posterior_missing(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                       const Execution& run, const Posterior<T>& out);

// What takes the place of missing entries; null pointers are not written.
template <class T>
struct Completion {
  T* filled;             // OUT (n, d) the rows; of rows that no component explains, NaN stays
  const Index* targets;  // IN (count,) features whose spread is asked for; null for none
  Index count;
  T* variance;                // OUT (n, count) of the targets given what is observed
  T* covariance;              // OUT (n, count, count)
  const std::uint64_t* seed;  // IN draw from the distribution of the missing entries given the
                              // observed ones; null for their mean
};
// O(k d^3) a pattern and O(k d^2) a row, and O(k count^2) for the spread.
template <class T>
void complete(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
              const Execution& run, const Completion<T>& out);

}  // namespace gibbous::gmm
