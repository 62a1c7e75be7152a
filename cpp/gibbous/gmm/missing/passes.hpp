// SPDX-License-Identifier: Apache-2.0
// The passes over rows with missing entries for diagonal and spherical covariances, which need no
// patterns; see gmm/missing/mixture.hpp. Internal to the mixture's sources.
#pragma once
#include "gibbous/gmm/missing/mixture.hpp"

namespace gibbous::gmm::missing {

inline bool along_axes(Covariance type) {
  return type == Covariance::diag || type == Covariance::spherical;
}

template <class T>
double accumulate_axes(const Rows<T>& rows, const Joint<T>& joint, const T* about,
                       const Execution& run, const Statistics& out);
template <class T>
void posterior_axes(const Rows<T>& rows, const Joint<T>& joint, const Execution& run,
                    const Posterior<T>& out);
template <class T>
void complete_axes(const Rows<T>& rows, const Joint<T>& joint, const Execution& run,
                   const Completion<T>& out);

}  // namespace gibbous::gmm::missing
