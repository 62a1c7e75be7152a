// SPDX-License-Identifier: Apache-2.0
// Whether sums over the rows keep enough digits about the origin that they are referred to. Asked
// once per iteration; for small data it costs as much as the pass over the rows if it is asked in
// NumPy.
#pragma once
#include "gibbous/gmm/mixture.hpp"

namespace gibbous::gmm {

// Largest squared distance of a row from the data's center, in widths of the components: at most
// max_k |U_k^T spread|^2 with absolute values. Infinite or NaN if the factors are. O(k d^2).
template <class T>
double widest(Covariance type, Index k, Index d, const T* factors, const double* spread,
              double radius2);

// Means, and the covariances that belong to them.
template <class T>
struct Location {
  Covariance type;
  Index k, d;
  const T* means;        // IN (k, d)
  const T* covariances;  // IN scikit-learn's layout
};

// Whether any mean moved from the old one (k, d), in some feature, by more than sqrt(limit) of its
// new standard deviations: sums about the old means then cancel. O(k d).
template <class T, class U>
bool moved_far(const T* old, const Location<U>& now, double limit);

}  // namespace gibbous::gmm
