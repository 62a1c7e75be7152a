// SPDX-License-Identifier: Apache-2.0
// Imputation of one row's missing entries. Internal to the mixture's sources.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/gmm/missing/mixture.hpp"
#include "gibbous/ground/random.hpp"

namespace gibbous::gmm::missing {

// A standard normal number for feature a of a row (Box and Muller 1958).
inline double deviate(const Stream& stream, Index row, Index a) {
  const philox::Block b =
      stream.bits(1 + static_cast<std::uint32_t>(a), static_cast<std::uint64_t>(row));
  const auto uniform = [](std::uint32_t high, std::uint32_t low) {
    const std::uint64_t bits = (std::uint64_t{high} << 21) ^ (low >> 11);
    return static_cast<double>(bits & ((std::uint64_t{1} << 53) - 1)) * 0x1p-53;
  };
  constexpr double two_pi = 6.2831853071795864769;
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform(b[0], b[1])));
  return radius * std::cos(two_pi * uniform(b[2], b[3]));
}

// Writes the requested outputs of Completion. `Given` describes the posterior of a row:
//   r(c)              responsibility of component c
//   mean(c, a)        its expectation of the missing feature a
//   spread(c, i, j)   its covariance of the i-th and the j-th missing feature
//   draw(c, z, out)   a draw of the missing features about their expectation, from normal numbers z
template <class T>
class RowWriter {
 public:
  RowWriter(const Completion<T>& out, Index k, Index d)
      : out_(out),
        k_(k),
        d_(d),
        place_(static_cast<std::size_t>(d)),
        mean_(static_cast<std::size_t>(d)),
        z_(static_cast<std::size_t>(d)),
        moved_(static_cast<std::size_t>(d)) {}

  template <class Given>
  void write(Index row, const T* x, const std::vector<Index>& missing, Given&& given) {
    double mass = 0;
    for (Index c = 0; c < k_; ++c) mass += given.r(c);
    const bool alive = mass > 0;
    T* filled = out_.filled ? out_.filled + row * d_ : nullptr;
    if (filled) std::copy_n(x, d_, filled);
    for (const Index a : missing) {
      double sum = alive ? 0 : std::numeric_limits<double>::quiet_NaN();
      for (Index c = 0; c < k_; ++c)
        if (given.r(c) > 0) sum += given.r(c) * given.mean(c, a);
      mean_[static_cast<std::size_t>(a)] = sum;
      if (filled) filled[a] = static_cast<T>(sum);
    }
    if (filled && out_.seed && alive && !missing.empty()) draw(row, missing, given, filled);
    if (out_.variance || out_.covariance) write_spread(row, missing, given);
  }

 private:
  // Samples a component by its responsibility, then the missing entries given it.
  template <class Given>
  void draw(Index row, const std::vector<Index>& missing, Given& given, T* filled) {
    const Stream stream(*out_.seed, Purpose::gmm_impute);
    double left = stream.uniform(0, static_cast<std::uint64_t>(row));
    Index chosen = 0;
    for (Index c = 0; c < k_; ++c) {
      if (given.r(c) > 0) chosen = c;
      left -= given.r(c);
      if (left < 0) break;
    }
    for (std::size_t j = 0; j < missing.size(); ++j) z_[j] = deviate(stream, row, missing[j]);
    given.draw(chosen, z_.data(), moved_.data());
    for (std::size_t j = 0; j < missing.size(); ++j)
      filled[missing[j]] = static_cast<T>(given.mean(chosen, missing[j]) + moved_[j]);
  }

  // Covariance within and between components: sum_k r_k (C_k + (m_k - m)(m_k - m)^T).
  template <class Given>
  void write_spread(Index row, const std::vector<Index>& missing, Given& given) {
    std::fill(place_.begin(), place_.end(), Index{-1});
    for (std::size_t j = 0; j < missing.size(); ++j)
      place_[static_cast<std::size_t>(missing[j])] = static_cast<Index>(j);
    const auto entry = [&](Index a, Index b) {
      const Index i = place_[static_cast<std::size_t>(a)], j = place_[static_cast<std::size_t>(b)];
      if (i < 0 || j < 0) return 0.0;  // observed entries have variance 0
      const double ma = mean_[static_cast<std::size_t>(a)];
      const double mb = mean_[static_cast<std::size_t>(b)];
      double sum = 0;
      for (Index c = 0; c < k_; ++c)
        if (given.r(c) > 0)
          sum += given.r(c) * (given.spread(c, std::max(i, j), std::min(i, j)) +
                               (given.mean(c, a) - ma) * (given.mean(c, b) - mb));
      return sum;
    };
    const Index t = out_.count;
    for (Index i = 0; i < t; ++i) {
      const Index a = out_.targets[i];
      if (out_.variance) out_.variance[row * t + i] = static_cast<T>(entry(a, a));
      if (!out_.covariance) continue;
      T* covariance = out_.covariance + row * t * t;
      for (Index j = 0; j <= i; ++j)
        covariance[i * t + j] = covariance[j * t + i] = static_cast<T>(entry(a, out_.targets[j]));
    }
  }

  const Completion<T>& out_;
  Index k_, d_;
  std::vector<Index> place_;  // (d) index of a feature among the missing ones, -1 for none
  std::vector<double> mean_, z_, moved_;
};

}  // namespace gibbous::gmm::missing
