// SPDX-License-Identifier: Apache-2.0
// Gaussian mixtures: one EM iteration in one pass over the data (Dempster, Laird and Rubin 1977).
//
// log p(x) = logsumexp_k [ log w_k - d/2 log 2 pi + log|U_k| - |U_k^T (x - mu_k)|^2 / 2 ], where
// U_k is the upper triangular Cholesky factor of component k's precision, precision = U U^T.
//
// The n x k responsibilities are never stored: each block of rows passes through log-densities,
// logsumexp and sufficient statistics while it is in the cache. Statistics are additive over rows,
// so that threads, mini-batches and machines share one interface: accumulate(), then update().
#pragma once
#include <cstdint>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/types.hpp"

namespace gibbous::gmm {

enum class Covariance : int { full = 0, tied = 1, diag = 2, spherical = 3 };

// Parameters in scikit-learn's layout. U: (k, d, d), (d, d), (k, d) or (k,).
template <class T>
struct Mixture {
  Covariance type;
  Index k, d;
  const T* weights;  // IN (k,)
  const T* means;    // IN (k, d)
  const T* factors;  // IN precisions_cholesky
  // IN (k,) instead of log(weights), or null. A variational mixture passes expectations over its
  // posterior here; they may be far below what exp resolves.
  const double* log_weights = nullptr;
};

// How statistics are referred to an origin.
//   direct: sums of (x - mu_k), accurate for data at any location.
//   folded: sums of (x - center), with the means folded into the coefficients: up to twice as fast,
//           but cancellation costs (distance from the center / width of a component)^2 ulps. Not
//           for every mixture (see foldable); the caller decides from the data (see Survey).
template <class T>
struct Origin {
  const T* center = nullptr;  // IN (d,), or null for direct
  const T* about = nullptr;   // IN (k, d), direct only: origins of the sums instead of the means
  bool folded() const { return center != nullptr; }
};

// Sufficient statistics of r_ik = weight_i * responsibility_ik about the origin o_k.
struct Statistics {
  double* nk;  // OUT (k,)        sum_i r_ik
  double* s1;  // OUT (k, d)      sum_i r_ik (x_i - o_k)
  double* s2;  // OUT second moments about o_k, second_moments() numbers:
               // full (k, d (d + 1) / 2) packed lower triangles; tied direct (d (d + 1) / 2) summed
               // over k; tied folded none (see Survey::scatter); diag (k, d); spherical (k,) summed
               // over features.
  // OUT (1,) -sum_ik weight_i p_ik log p_ik with p the responsibilities, or null. Summed from the
  // differences of log-densities of each row, because sum_i log p(x_i) - sum_ik r_ik log rho_ik
  // would be the small difference of two large numbers.
  double* entropy = nullptr;
};
// Whether a folded form exists: for every type except full covariances of many features, where the
// differences cost next to nothing.
bool foldable(Covariance type, Index d);

Index second_moments(Covariance type, Index k, Index d, bool folded);

// One pass before the first iteration. If data come in blocks, every block is surveyed about the
// center of the first one: weights and scatters are then additive, and spreads and radii are maxima
// over the blocks.
struct Survey {
  double* center;   // OUT (d,) weighted mean; IN if it is given
  double* spread;   // OUT (d,) max_i |x_ia - center_a|
  double* radius2;  // OUT (1,) max_i |x_i - center|^2
  double* scatter;  // OUT (d, d) sum_i w_i (x_i - c)(x_i - c)^T about T(center), or null
  bool given = false;
};
template <class T>
double survey(const Rows<T>& rows, const Execution& run, const Survey& out);  // total weight

// E-step and sufficient statistics. Returns sum_i w_i log p(x_i). O(n k d^2) for full, else O(n k
// d). May throw std::bad_alloc and what run.monitor throws.
template <class T>
double accumulate(const Rows<T>& rows, const Mixture<T>& mixture, const Origin<T>& origin,
                  const Execution& run, const Statistics& out);

// Initial responsibilities.
struct Assignment {
  const Label* labels = nullptr;  // IN (n,) component of each row, -1 for none; null for random
  std::uint64_t seed = 0;         // random responsibilities: uniform numbers, normalized over k
  Index first = 0;                // number of row 0 if data come in blocks; addresses its draws
};

// Statistics about `origins` (k, d), as in the direct mode, of given or random responsibilities.
template <class T>
void start(const Rows<T>& rows, Covariance type, Index k, const T* origins,
           const Assignment& assignment, const Execution& run, const Statistics& out);

// Outputs of the E-step for each row; null pointers are not written.
template <class T>
struct Posterior {
  T* log_prob;           // OUT (n,) log p(x_i)
  T* responsibilities;   // OUT (n, k)
  std::int64_t* labels;  // OUT (n,) most probable component, the first in case of ties; -1 if none
};
template <class T>
void posterior(const Rows<T>& rows, const Mixture<T>& mixture, const Execution& run,
               const Posterior<T>& out);

// What an M-step needs besides the statistics.
template <class T>
struct Step {
  Covariance type;
  Index k, d;
  const T* origin;  // IN (k, d), or (d,) if folded: the origins of the statistics
  bool folded;
  const double* scatter;  // IN (d, d) for a folded tied mixture, else unused
  double reg_covar;       // added to every variance
};

// M-step: new weights, means and covariances from statistics.
template <class T>
struct Estimate {
  T* weights;      // OUT (k,)
  T* means;        // OUT (k, d)
  T* covariances;  // OUT scikit-learn's layout
};
template <class T>
void update(const Step<T>& step, const Statistics& in, const Execution& run,
            const Estimate<T>& out);

// Upper triangular U with U U^T = covariance^-1 for each component. Returns the first component
// whose covariance is not positive definite (0 for tied), or -1; factors of failed components are
// not written.
template <class T>
Index factorize(Covariance type, Index k, Index d, const T* covariances, const Execution& run,
                T* factors);

}  // namespace gibbous::gmm
