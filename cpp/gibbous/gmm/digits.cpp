// SPDX-License-Identifier: Apache-2.0
#include "gibbous/gmm/digits.hpp"

#include <cmath>

namespace gibbous::gmm {
namespace {

// The maximum as NumPy has it: NaN if one of the two is.
double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }

// |U^T spread|^2 with absolute values of a factor U (d, d), which is upper triangular.
template <class T>
double stretched(Index d, const T* u, const double* spread) {
  double total = 0;
  for (Index b = 0; b < d; ++b) {
    double length = 0;
    for (Index a = 0; a <= b; ++a)
      length += spread[a] * std::abs(static_cast<double>(u[a * d + b]));
    total += length * length;
  }
  return total;
}

// The variance of feature a of component i.
template <class T>
T variance(const Location<T>& m, Index i, Index a) {
  switch (m.type) {
    case Covariance::full: return m.covariances[(i * m.d + a) * m.d + a];
    case Covariance::tied: return m.covariances[a * m.d + a];
    case Covariance::diag: return m.covariances[i * m.d + a];
    default: return m.covariances[i];
  }
}

}  // namespace

template <class T>
double widest(Covariance type, Index k, Index d, const T* factors, const double* spread,
              double radius2) {
  double most = 0;
  switch (type) {
    case Covariance::full:
      for (Index i = 0; i < k; ++i) most = larger(most, stretched(d, factors + i * d * d, spread));
      return most;
    case Covariance::tied: return stretched(d, factors, spread);
    case Covariance::diag:
      for (Index i = 0; i < k; ++i)
        for (Index a = 0; a < d; ++a)
          most = larger(most, std::abs(static_cast<double>(factors[i * d + a])) * spread[a]);
      return most * most;
    default:
      for (Index i = 0; i < k; ++i) most = larger(most, std::abs(static_cast<double>(factors[i])));
      return most * most * radius2;
  }
}

template <class T, class U>
bool moved_far(const T* old, const Location<U>& now, double limit) {
  for (Index i = 0; i < now.k; ++i)
    for (Index a = 0; a < now.d; ++a) {
      const Index at = i * now.d + a;
      const double shift = static_cast<double>(now.means[at]) - static_cast<double>(old[at]);
      const U v = variance(now, i, a);
      const U most = static_cast<U>(limit) * (v < U(0) ? U(0) : v);
      if (shift * shift > static_cast<double>(most)) return true;
    }
  return false;
}

template double widest(Covariance, Index, Index, const float*, const double*, double);
template double widest(Covariance, Index, Index, const double*, const double*, double);
template bool moved_far(const float*, const Location<float>&, double);
template bool moved_far(const float*, const Location<double>&, double);
template bool moved_far(const double*, const Location<double>&, double);

}  // namespace gibbous::gmm
