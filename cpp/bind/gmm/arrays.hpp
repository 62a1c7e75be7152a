// SPDX-License-Identifier: Apache-2.0
// What the bindings of mixtures share: covariance types by name, and arrays of parameters and
// statistics checked for their sizes.
#pragma once
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

inline gmm::Statistics statistics_of(Covariance type, Index k, Index d, bool folded,
                                     Array<double>& nk, Array<double>& s1, Array<double>& s2) {
  return {out_of(nk, k, "nk has a wrong size"), out_of(s1, k * d, "s1 has a wrong size"),
          out_of(s2, gmm::second_moments(type, k, d, folded), "s2 has a wrong size")};
}

}  // namespace gibbous::bind
