// SPDX-License-Identifier: Apache-2.0
// Shared by the bindings of mixtures: covariance types by name, and parameters and statistics in
// the arrays of the caller.
#pragma once
#include <optional>
#include <string>

#include "bind/bind.hpp"
#include "gibbous/gmm/mixture.hpp"

namespace gibbous::bind {

using gmm::Covariance;

inline Covariance covariance_of(const std::string& name) {
  if (name == "full") return Covariance::full;
  if (name == "tied") return Covariance::tied;
  if (name == "diag") return Covariance::diag;
  expect(name == "spherical", "covariance_type must be full, tied, diag or spherical");
  return Covariance::spherical;
}

inline Index covariance_size(Covariance type, Index k, Index d) {
  switch (type) {
    case Covariance::full: return k * d * d;
    case Covariance::tied: return d * d;
    case Covariance::diag: return k * d;
    default: return k;
  }
}

// Parameters of a mixture, with validated sizes. E-steps read them; M-steps write all except
// log_weights.
template <class T>
struct BoundMixture {
  Covariance type;
  Index k, d;
  Array<T> weights, means, covariances, factors;
  std::optional<Array<double>> log_weights;

  const double* given_log_weights() const { return log_weights ? log_weights->data() : nullptr; }
};

// Sums over the rows. Their sizes depend on the mixture and on their origins.
struct BoundStatistics {
  Array<double> nk, s1, s2;
  std::optional<Array<double>> entropy;
};

inline gmm::Statistics statistics_of(Covariance type, Index k, Index d, bool folded,
                                     BoundStatistics& sums) {
  return {out_of(sums.nk, k, "nk has a wrong size"), out_of(sums.s1, k * d, "s1 has a wrong size"),
          out_of(sums.s2, gmm::second_moments(type, k, d, folded), "s2 has a wrong size"),
          optional_out(sums.entropy, 1, "entropy has a wrong size")};
}

template <class T>
gmm::Posterior<T> posterior_of(Index n, Index k, std::optional<Array<T>>& log_prob,
                               std::optional<Array<T>>& responsibilities,
                               std::optional<Array<std::int64_t>>& labels) {
  return {optional_out(log_prob, n, "log_prob has a wrong size"),
          optional_out(responsibilities, n * k, "responsibilities has a wrong size"),
          optional_out(labels, n, "labels has a wrong size")};
}

}  // namespace gibbous::bind
