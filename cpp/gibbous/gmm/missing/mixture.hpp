// SPDX-License-Identifier: Apache-2.0
// Gaussian mixtures on rows with entries missing (NaN) at random: EM on the observed entries, and
// inference for the missing ones (Ghahramani and Jordan 1994, "Supervised learning from incomplete
// data via an EM approach"; Little and Rubin 2002, chapters 8 and 11).
//
// The observed entries o of a row have the density p(x_o) = sum_k w_k N(x_o; mu_k,o, S_k,oo). Given
// them and component k, the missing entries m are Gaussian with mean mu_m + B (x_o - mu_o) and
// covariance C = S_mm - B S_om, B = S_mo S_oo^-1. The expected statistics are those of the rows
// completed with this mean for each component, plus C for the missing block of second moments. EM
// on them increases the likelihood of the observed entries; update() is the usual M-step.
//
// B and C depend on the pattern of missing entries only, so rows are processed pattern by pattern.
// Many rows of one pattern use the kernels for complete rows on the observed columns, and their
// sums are completed at the end: O(rows k d_o^2 + k d^3). If a pattern has few rows, its matrices
// are computed with components as lanes. Diagonal covariances have B = 0.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "gibbous/gmm/mixture.hpp"

namespace gibbous::gmm {

// An order of the rows in which those with the same pattern are adjacent. Not used for diagonal and
// spherical covariances, where nothing depends on the pattern.
struct Patterns {
  const Index* rows;    // IN (n,) row numbers
  const Index* starts;  // IN (count + 1,) offsets of the patterns in `rows`; starts[count] = n
  Index count;
};

// Parameters in scikit-learn's layout, with covariances, which give marginals and conditionals.
template <class T>
struct Joint {
  Covariance type;
  Index k, d;
  const T* weights;                     // IN (k,)
  const T* means;                       // IN (k, d)
  const T* covariances;                 // IN (k, d, d), (d, d), (k, d) or (k,)
  const double* log_weights = nullptr;  // IN (k,) instead of log(weights); null for these

  double log_weight(Index c) const {
    return log_weights ? log_weights[c] : std::log(static_cast<double>(weights[c]));
  }
  // log p of a row without observed entries: log of the sum of the weights, which is 0 for a
  // mixture.
  double log_p_of_nothing() const {
    if (!log_weights) return 0.0;
    const double most = *std::max_element(log_weights, log_weights + k);
    double sum = 0.0;
    for (Index c = 0; c < k; ++c) sum += std::exp(log_weights[c] - most);
    return most + std::log(sum);
  }
};

// E-step and expected statistics in the direct mode, about the means or about `about` (k, d).
// Returns sum_i w_i log p(observed entries of x_i); rows without observed entries count as log 1.
// Costs O(k d^3) per pattern, regardless of its number of rows, and O(k d^2) per row (full, tied);
// otherwise O(k d) per row. Allocates up to 64 partial sums of the size of `out` and O(k d^2) per
// thread. May throw std::bad_alloc and what run.monitor throws.
template <class T>
double accumulate_missing(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                          const T* about, const Execution& run, const Statistics& out);

// The posterior of each row given its observed entries. Rows without any have log p = 0, and the
// weights as their responsibilities.
template <class T>
void posterior_missing(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                       const Execution& run, const Posterior<T>& out);

// Imputation of missing entries; null pointers are not written.
template <class T>
struct Completion {
  T* filled;             // OUT (n, d) completed rows; NaN is kept if every component has density 0
  const Index* targets;  // IN (count,) features whose covariance is requested; null for none
  Index count;
  T* variance;                // OUT (n, count) mean of the targets given the observed entries
  T* covariance;              // OUT (n, count, count) their covariance
  const std::uint64_t* seed;  // IN draw from the distribution of the missing entries given the
                              // observed ones; null for their mean
};
// O(k d^3) per pattern and O(k d^2) per row, and O(k count^2) for the covariance.
template <class T>
void complete(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
              const Execution& run, const Completion<T>& out);

}  // namespace gibbous::gmm
