// SPDX-License-Identifier: Apache-2.0
// Sufficient statistics of a Gaussian mixture from blocks of rows and their responsibilities.
// Internal to the mixture's sources.
#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gibbous/gmm/density.hpp"

namespace gibbous::gmm {

// Rows of the wide kernel that are gathered before they are multiplied: 64 rows of a panel take 2
// kB (4 kB with AVX-512), so that the panels of a tile stay in the L1 cache.
inline constexpr Index kGather = 64;

// How second moments are summed.
enum class Moment {
  narrow,    // triangle kernel, d <= kNarrow: rows as lanes, exact triangles
  wide,      // triangle kernel: features as lanes, rows with responsibility 0 cost nothing
  features,  // folded: products with [x, x^2, 1], [x, |x|^2, 1] or [x, 1]
  scaled,    // diag and spherical about the means
};

template <class T>
Moment moment_of(const Packed<T>& p) {
  if (p.kernel == Kernel::triangle) return is_narrow(p.d) ? Moment::narrow : Moment::wide;
  return p.folded ? Moment::features : Moment::scaled;
}

// ---- wide: one component at a time --------------------------------------------------------------

// Gathers rows sqrt(r) (x - mu) of one component into panels and multiplies them whenever kGather
// rows are complete.
template <class T>
class WideSum {
 public:
  static Index width(Index d) { return detail::round_up(d, kLanes<T>); }

  explicit WideSum(Index d) : d_(d), y_(static_cast<std::size_t>(kGather * width(d)), T(0)) {}

  // `count` rows starting at `begin`, with responsibilities r[g * r_group + i].
  struct Part {
    Index begin, count;
    const T* r;
    Index r_group;
  };
  // Destinations of the sums; nk and s1 may be null.
  struct Sums {
    double *nk, *s1;
    double* c;  // (d, width(d))
  };

  // Adds the rows about `mean`: all of nk and s1, and rows `strip` of the lower triangle to c.
  void add(const Rows<T>& rows, const Part& part, const T* mean, Range strip, const Sums& out) {
    const Index begin = part.begin, count = part.count, r_group = part.r_group;
    const T* r = part.r;
    constexpr Index L = kLanes<T>;
    constexpr Index size = Group<T>::rows;
    const Index used = detail::round_up(strip.end, L);  // columns of this triangle strip
    Index n = 0;
    double mass = 0;
    for (Index i = 0; i < count; ++i) {
      const T ri = r[i / size * r_group + i % size];
      if (ri == T(0)) continue;
      mass += static_cast<double>(ri);
      gather(rows.row(begin + i), mean, std::sqrt(ri), std::min(used, d_), n);
      root_[n++] = std::sqrt(ri);
      if (n == kGather) n = flush(n, strip, out);
    }
    if (n > 0) flush(n, strip, out);
    if (out.nk) *out.nk += mass;
  }

 private:
  void gather(const T* x, const T* mean, T root, Index columns, Index n) {
    constexpr Index L = kLanes<T>;
    T* out = y_.data() + n * L;
    Index a = 0;
    for (; a + L <= columns; a += L, out += kGather * L)
      store(out, (load(x + a) - load(mean + a)) * root);
    for (Index i = 0; a + i < columns; ++i) out[i] = (x[a + i] - mean[a + i]) * root;
  }

  Index flush(Index n, Range strip, const Sums& out) {
    constexpr Index L = kLanes<T>;
    if (double* s1 = out.s1) {
      for (Index a = 0; a < d_; a += L) {
        const T* y = y_.data() + a * kGather;
        Vec<T> sum = {};
        for (Index i = 0; i < n; ++i) sum += load(y + i * L) * root_[i];
        for (Index i = 0; i < std::min<Index>(L, d_ - a); ++i)
          s1[a + i] += static_cast<double>(sum[i]);
      }
    }
    outer_triangle(y_.data(), kGather, n, strip.begin, strip.end, out.c, width(d_));
    return 0;
  }

  Index d_;
  Buffer<T> y_;
  T root_[kGather];
};

inline void pack_lower(const double* c, Index width, Index a_begin, Index a_end, double* packed) {
  for (Index a = a_begin; a < a_end; ++a)
    for (Index b = 0; b <= a; ++b) packed[a * (a + 1) / 2 + b] += c[a * width + b];
}

// ---- all components of a chunk of rows ----------------------------------------------------------

template <class T>
class Moments {
 public:
  Moments(Covariance type, const Packed<T>& p, Index block_groups);

  void clear() { std::fill(sums_.begin(), sums_.end(), 0.0); }
  void add(const Rows<T>& rows, Index begin, Block<T>& block);
  void add_to(double* nk, double* s1, double* s2) const;  // as laid out in Statistics

 private:
  static constexpr Index L = kLanes<T>;
  static constexpr Index kRows = Group<T>::rows;

  void add_narrow(const Block<T>& block);
  template <bool Center>
  void weigh(const Block<T>& block, Index k, Index groups, double* first);
  void add_wide(const Rows<T>& rows, Index begin, const Block<T>& block);
  void add_features(const Block<T>& block);
  void add_scaled(const Block<T>& block);
  void fill_features(const Block<T>& block);
  void unpack_features(double* nk, double* s1, double* s2) const;
  double* second(Index k) { return sums_.data() + p_.k * stride_ + (shared_ ? 0 : k) * stride2_; }

  Covariance type_;
  const Packed<T>& p_;
  Moment moment_;
  bool shared_;       // one second moment shared by all components
  Index rows_;        // capacity of a block
  Index width_ = 0;   // numbers per row of features, padded to whole vectors
  Index stride_ = 0;  // sums per component, without those in second()
  Index stride2_ = 0;
  Buffer<double> sums_;
  Buffer<T> scratch_;
  std::vector<Index> active_, compact_;  // groups with mass; 0, 1, 2, ...
  WideSum<T> wide_;
};

template <class T>
Moments<T>::Moments(Covariance type, const Packed<T>& p, Index block_groups)
    : type_(type),
      p_(p),
      moment_(moment_of(p)),
      shared_(type == Covariance::tied),
      rows_(block_groups * kRows),
      wide_(moment_ == Moment::wide ? p.d : 0) {
  const Index d = p.d;
  switch (moment_) {
    case Moment::narrow:
      stride_ = (1 + d) * L;
      stride2_ = d * (d + 1) / 2 * L;
      scratch_.resize(static_cast<std::size_t>(2 * d * rows_));
      active_.resize(static_cast<std::size_t>(block_groups));
      compact_.resize(static_cast<std::size_t>(block_groups));
      std::iota(compact_.begin(), compact_.end(), Index{0});
      break;
    case Moment::wide:
      stride_ = 1 + d;
      stride2_ = d * WideSum<T>::width(d);
      break;
    case Moment::features:
      width_ = detail::round_up(type == Covariance::diag   ? 2 * d + 1
                                : type == Covariance::tied ? d + 1
                                                           : d + 2,
                                L);
      stride_ = width_;
      break;
    case Moment::scaled:
      width_ = detail::round_up(d, L);
      stride_ = 1 + 2 * width_;
      break;
  }
  if (width_ > 0) scratch_.assign(static_cast<std::size_t>(rows_ * width_), T(0));
  sums_.resize(static_cast<std::size_t>(p.k * stride_ + (shared_ ? 1 : p.k) * stride2_));
}

template <class T>
void Moments<T>::add(const Rows<T>& rows, Index begin, Block<T>& block) {
  switch (moment_) {
    case Moment::narrow: add_narrow(block); break;
    case Moment::wide: add_wide(rows, begin, block); break;
    case Moment::features:
      fill_features(block);
      add_features(block);
      break;
    case Moment::scaled:
      fill_features(block);
      add_scaled(block);
      break;
  }
}

// w = r z of the groups in which component k has any mass, then a triangle of products with z: x
// about the center as stored in the block, or differences x - mu_k. Skipping the other groups is
// exact because their responsibilities are 0.
template <class T>
void Moments<T>::add_narrow(const Block<T>& block) {
  for (Index k = 0; k < p_.k; ++k) {
    Index n = 0;
    Vec<T> mass = {};
    for (Index g = 0; g < block.groups; ++g) {
      const T* r = block.r.data() + (g * p_.kp + k) * kRows;
      const Vec<T> sum = (load(r) + load(r + L)) + load(r + 2 * L);
      if (lane_sum<T>(sum) == T(0)) continue;
      mass += sum;
      active_[static_cast<std::size_t>(n++)] = g;
    }
    if (n == 0) continue;
    double* sums = sums_.data() + k * stride_;
    add_widened<T>(sums, mass);
    if (p_.folded) {
      weigh<false>(block, k, n, sums + L);
      dot_triangle(scratch_.data(), block.xt.data(), active_.data(), n, p_.d, second(k));
    } else {
      weigh<true>(block, k, n, sums + L);
      dot_triangle(scratch_.data(), scratch_.data() + p_.d * rows_, compact_.data(), n, p_.d,
                   second(k));
    }
  }
}

// Writes w of the active groups, with Center also z = x - mu_k, and adds the first moments.
template <class T>
template <bool Center>
void Moments<T>::weigh(const Block<T>& block, Index k, Index groups, double* first) {
  const Index d = p_.d;
  const T* mean = p_.origins.data() + k * d;
  for (Index j = 0; j < groups; ++j) {
    const Index g = active_[static_cast<std::size_t>(j)];
    const T* at = block.r.data() + (g * p_.kp + k) * kRows;
    const Vec<T> r[3] = {load(at), load(at + L), load(at + 2 * L)};
    const T* x = block.xt.data() + g * d * kRows;
    T* w = scratch_.data() + j * d * kRows;
    T* z = w + d * rows_;
    for (Index a = 0; a < d; ++a, x += kRows, w += kRows, z += kRows) {
      Vec<T> sum = {};
      GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) {
        Vec<T> diff = load(x + v * L);
        if (Center) {
          diff -= mean[a];
          store(z + v * L, diff);
        }
        const Vec<T> weighted = diff * r[v];
        store(w + v * L, weighted);
        sum += weighted;
      }
      add_widened<T>(first + a * L, sum);
    }
  }
}

template <class T>
void Moments<T>::add_wide(const Rows<T>& rows, Index begin, const Block<T>& block) {
  for (Index k = 0; k < p_.k; ++k) {
    double* sums = sums_.data() + k * stride_;
    wide_.add(rows, {begin, block.count, block.r.data() + k * kRows, p_.kp * kRows},
              p_.origins.data() + k * p_.d, {0, p_.d}, {sums, sums + 1, second(k)});
  }
}

// Rows of features, row-major: the factors of the responsibilities.
template <class T>
void Moments<T>::fill_features(const Block<T>& block) {
  const Index d = p_.d;
  for (Index g = 0; g < block.groups; ++g) {
    const T* x = block.xt.data() + g * d * kRows;
    T* out = scratch_.data() + g * kRows * width_;
    for (Index a = 0; a < d; ++a)
      for (Index i = 0; i < kRows; ++i) out[i * width_ + a] = x[a * kRows + i];
    if (moment_ == Moment::scaled) continue;
    for (Index i = 0; i < kRows; ++i, out += width_) {
      if (type_ == Covariance::diag) {
        for (Index a = 0; a < d; ++a) out[d + a] = out[a] * out[a];
        out[2 * d] = T(1);
      } else if (type_ == Covariance::spherical) {
        T norm = 0;
        for (Index a = 0; a < d; ++a) norm += out[a] * out[a];
        out[d] = norm;
        out[d + 1] = T(1);
      } else {
        out[d] = T(1);
      }
    }
  }
}

template <class T>
void Moments<T>::add_features(const Block<T>& block) {
  outer_groups(block.r.data(), p_.k, p_.kp, scratch_.data(), width_ / L, block.groups,
               sums_.data());
}

namespace detail {

// s1 += r (x - mu), s2 += r (x - mu)^2 for NV vectors of features of one component.
template <class T, int NV>
inline void scaled_tile(const T* r, Index r_group, const T* x, Index width, Index groups,
                        const T* mean, double* s1, double* s2) {
  constexpr int L = kLanes<T>;
  Vec<T> mu[NV], first[NV] = {}, second[NV] = {};
  GIBBOUS_UNROLL
  for (int v = 0; v < NV; ++v) mu[v] = load(mean + v * L);
  for (Index g = 0; g < groups; ++g, r += r_group) {
    for (Index i = 0; i < Group<T>::rows; ++i, x += width) {
      GIBBOUS_UNROLL
      for (int v = 0; v < NV; ++v) {
        const Vec<T> z = load(x + v * L) - mu[v];
        const Vec<T> w = z * r[i];
        first[v] += w;
        second[v] += w * z;
      }
    }
  }
  GIBBOUS_UNROLL
  for (int v = 0; v < NV; ++v) {
    add_widened<T>(s1 + v * L, first[v]);
    add_widened<T>(s2 + v * L, second[v]);
  }
}

}  // namespace detail

template <class T>
void Moments<T>::add_scaled(const Block<T>& block) {
  Buffer<T> mean(static_cast<std::size_t>(width_), T(0));
  const Index vectors = width_ / L;
  for (Index k = 0; k < p_.k; ++k) {
    const T* r = block.r.data() + k * kRows;
    const Index step = p_.kp * kRows;
    Vec<T> mass = {};
    for (Index g = 0; g < block.groups; ++g) GIBBOUS_UNROLL
    for (int v = 0; v < 3; ++v) mass += load(r + g * step + v * L);
    const T total = lane_sum<T>(mass);
    if (total == T(0)) continue;
    double* sums = sums_.data() + k * stride_;
    sums[0] += static_cast<double>(total);
    double* s1 = sums + 1;
    double* s2 = s1 + width_;
    for (Index a = 0; a < p_.d; ++a) mean[static_cast<std::size_t>(a)] = p_.origins[k * p_.d + a];
    Index v = 0;
    for (; v + 3 <= vectors; v += 3)
      detail::scaled_tile<T, 3>(r, step, scratch_.data() + v * L, width_, block.groups,
                                mean.data() + v * L, s1 + v * L, s2 + v * L);
    for (; v < vectors; ++v)
      detail::scaled_tile<T, 1>(r, step, scratch_.data() + v * L, width_, block.groups,
                                mean.data() + v * L, s1 + v * L, s2 + v * L);
  }
}

template <class T>
void Moments<T>::unpack_features(double* nk, double* s1, double* s2) const {
  const Index d = p_.d;
  for (Index k = 0; k < p_.k; ++k) {
    const double* sums = sums_.data() + k * stride_;
    for (Index a = 0; a < d; ++a) s1[k * d + a] += sums[a];
    if (type_ == Covariance::diag) {
      for (Index a = 0; a < d; ++a) s2[k * d + a] += sums[d + a];
      nk[k] += sums[2 * d];
    } else if (type_ == Covariance::spherical) {
      s2[k] += sums[d];
      nk[k] += sums[d + 1];
    } else {
      nk[k] += sums[d];
    }
  }
}

template <class T>
void Moments<T>::add_to(double* nk, double* s1, double* s2) const {
  const Index d = p_.d;
  if (moment_ == Moment::features) return unpack_features(nk, s1, s2);
  const auto lanes = [](const double* v) {
    double s = 0;
    for (Index i = 0; i < L; ++i) s += v[i];
    return s;
  };
  const Index size = d * (d + 1) / 2;
  const double* second = sums_.data() + p_.k * stride_;
  for (Index k = 0; k < p_.k; ++k) {
    const double* sums = sums_.data() + k * stride_;
    if (moment_ == Moment::narrow) {
      nk[k] += lanes(sums);
      for (Index a = 0; a < d; ++a) s1[k * d + a] += lanes(sums + (1 + a) * L);
    } else {
      nk[k] += sums[0];
      for (Index a = 0; a < d; ++a) s1[k * d + a] += sums[1 + a];
    }
    if (moment_ == Moment::scaled) {
      const double* squares = sums + 1 + width_;
      for (Index a = 0; a < d; ++a) s2[type_ == Covariance::diag ? k * d + a : k] += squares[a];
    }
  }
  for (Index k = 0; k < (shared_ ? 1 : p_.k); ++k, second += stride2_, s2 += size) {
    if (moment_ == Moment::narrow)
      for (Index i = 0; i < size; ++i) s2[i] += lanes(second + i * L);
    else if (moment_ == Moment::wide)
      pack_lower(second, WideSum<T>::width(d), 0, d, s2);
  }
}

}  // namespace gibbous::gmm
