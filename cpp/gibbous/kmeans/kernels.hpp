// SPDX-License-Identifier: Apache-2.0
// K-means: Lloyd's algorithm (Lloyd 1982) and greedy k-means++ seeding (Arthur and Vassilvitskii
// 2007) for dense and CSR data.
//
// Every pass over the data is parallel over slots that depend on the data alone, so that results
// are bit-identical for any number of threads. No array of size n x k is allocated.
//
// Finding the closest center. The dense kernel ranks centers by |c|^2 - 2 x.c about a common shift,
// the fast form. That form cancels, so each row's winner is compared with its runner-up, and if
// rounding could have swapped them, the row is ranked again by direct differences (x - c)^2. Labels
// are therefore correct to the rounding of T at any distance from the origin, also for badly scaled
// columns, and do not depend on the other rows. Ties go to the lowest index.
#pragma once
#include <cstdint>
#include <vector>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/types.hpp"

namespace gibbous::kmeans {

// n rows in compressed sparse row form; column indices need not be sorted.
template <class T, class I>
struct Csr {
  const T* data;     // IN (nnz,)
  const I* indices;  // IN (nnz,)
  const I* indptr;   // IN (n + 1,)
  Index n;           // rows
  Index d;           // columns
  const T* weight;   // IN (n,) or null for all ones

  T w(Index i) const { return weight ? weight[i] : T(1); }
};

// State passed from one iteration to the next. Both start as zeros; each further iteration must
// start with the labels and the new centers of the last one. Null for none.
template <class T>
struct Bounds {
  T* lower = nullptr;       // INOUT (n,): lower bound of the distance to all other centers
  double* drift = nullptr;  // INOUT (k,): upper bound of the moves of the centers since then
};

struct Step {
  double inertia;                // sum of w |x - c|^2 about the centers before the step
  Index changed;                 // rows whose label changed
  double shift;                  // sum over centers of |c_new - c|^2
  std::vector<Label> relocated;  // empty clusters that were moved to a distant row
};

// One Lloyd iteration: labels of all rows, then the weighted mean of each cluster, in double. A
// cluster without weight is moved to the row farthest from its center (then the next, and so on);
// if no row is away from its center, it is moved to the center of the heaviest cluster.
// centers IN (k, d); labels INOUT (n,), compared with the new ones for `changed`;
// new_centers OUT (k, d), must not be `centers`. O(n k d).
// With `bounds`, dense iterations skip rows whose label cannot have changed (Hamerly 2010, "Making
// k-means even faster"), and compare others only with the centers that moved far enough to have
// become closer; labels, centers and inertia are bit-identical without it.
template <class Data, class T>
Step lloyd_step(const Execution& run, const Data& x, const T* centers, Index k, Label* labels,
                T* new_centers, const Bounds<T>& bounds);

// Labels of all rows and the inertia. labels OUT (n,).
template <class Data, class T>
double assign(const Execution& run, const Data& x, const T* centers, Index k, Label* labels);

// Mini-batch update (Sculley 2010): every center becomes the running weighted mean of all rows
// assigned to it so far. centers INOUT (k, d); counts INOUT (k,), the total weight of these rows.
// Returns the inertia before the update.
template <class Data, class T>
double minibatch_step(const Execution& run, const Data& x, T* centers, Index k, double* counts,
                      Label* labels);

// Euclidean distances to all centers, by direct differences. out OUT (n, k).
template <class Data, class T>
void distances(const Execution& run, const Data& x, const T* centers, Index k, T* out);

// Mean over the columns of their variances (weights are ignored, as in scikit-learn).
template <class T>
double mean_variance(const Execution& run, const Rows<T>& x);

// Greedy k-means++: each further center is the best of `trials` rows drawn with probability
// proportional to w times the squared distance to the closest center so far. rows OUT (k,). `prune`
// skips rows that the triangle inequality shows to be closer to their center than to any candidate
// (Raff 2021, "Exact acceleration of k-means++ and k-means||"); the result is the same without it
// (used by tests). The uniforms are those of Stream(seed, kmeans_plusplus) at (step, trial).
template <class Data>
void plusplus(const Execution& run, const Data& x, Index k, Index trials, std::uint64_t seed,
              bool prune, Index* rows);

}  // namespace gibbous::kmeans
