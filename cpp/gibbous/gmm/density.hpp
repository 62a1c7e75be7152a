// SPDX-License-Identifier: Apache-2.0
// E-step of a Gaussian mixture on blocks of rows: packed parameters, log-densities, normalization.
// Internal to the mixture's sources.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/gmm/mixture.hpp"
#include "gibbous/ground/tiles.hpp"

namespace gibbous::gmm {

// Which of the three density kernels evaluates a mixture.
enum class Kernel {
  triangle,  // |L_k (x - mu_k)|^2 or |L_k x + h_k|^2: full, and tied about the means
  scaled,    // |s_k * x + h_k|^2 or |s_k * (x - mu_k)|^2: diag, and spherical about the means
  linear,    // b_k . y + e_k |y|^2 + c_k: spherical, and tied after whitening, about the center
};

inline Kernel kernel_of(Covariance type, bool folded) {
  if (type == Covariance::full) return Kernel::triangle;
  if (type == Covariance::tied) return folded ? Kernel::linear : Kernel::triangle;
  if (type == Covariance::spherical && folded) return Kernel::linear;
  return Kernel::scaled;
}

// Up to this many features the triangles of the E-step and the M-step are summed with rows as lanes
// and nothing is skipped; above, the M-step uses features as lanes and work that cannot affect the
// result is skipped. Measured with AVX2 on dense responsibilities: narrow is 1.4 times as fast at d
// = 8; they are equal near d = 20.
inline constexpr Index kNarrow = kVectorRegisters >= 32 ? 32 : 20;
inline bool is_narrow(Index d) { return d <= kNarrow; }

// Components that the scaled kernel processes at once.
inline constexpr int kScaledTile = kVectorRegisters >= 32 ? 4 : 2;

// Parameters of a mixture in the order in which the kernels read them. Packing is O(k d^2), once
// per iteration.
template <class T>
struct Packed {
  Kernel kernel;
  bool folded;
  Index k, kp, d;            // kp: components padded to whole tiles; padding has density 0
  Buffer<T> means;           // (k, d), unless the kernel is linear
  Buffer<T> origins;         // (k, d), origins of direct sums
  Buffer<T> coef;            // see pack_*
  Buffer<T> consts;          // (kp,) c_k
  Buffer<T> square;          // (kp,) e_k of the linear kernel
  Buffer<T> whiten;          // triangle panels of U^T, tied folded
  Index coef_stride = 0;     // numbers of coef per component (triangle) or tile
  const T* shift = nullptr;  // subtracted when rows are transposed
};

namespace detail {

inline Index round_up(Index n, Index step) { return (n + step - 1) / step * step; }

inline Index triangle_size(Index d, Index outputs) {
  Index size = 0;
  for (Index a = 0; a < d; a += outputs) {
    const Index r = std::min(outputs, d - a);
    size += (1 + a + r) * r;
  }
  return size;
}

// Panels of y = U^T x - U^T m for triangle_panel; m may be null for 0.
template <class T>
void pack_triangle(const T* u, const double* m, Index d, T* out) {
  const Index outputs = Group<T>::outputs;
  for (Index a = 0; a < d; a += outputs) {
    const Index r = std::min(outputs, d - a);
    for (Index i = 0; i < r; ++i) {
      double h = 0;
      if (m)
        for (Index b = 0; b <= a + i; ++b) h -= static_cast<double>(u[b * d + a + i]) * m[b];
      *out++ = static_cast<T>(h);
    }
    for (Index b = 0; b < a + r; ++b)
      for (Index i = 0; i < r; ++i) *out++ = b <= a + i ? u[b * d + a + i] : T(0);
  }
}

// log|U| of one component.
template <class T>
double log_det(const Mixture<T>& m, Index k) {
  double s = 0;
  switch (m.type) {
    case Covariance::full:
    case Covariance::tied: {
      const T* u = m.factors + (m.type == Covariance::full ? k * m.d * m.d : 0);
      for (Index a = 0; a < m.d; ++a) s += std::log(static_cast<double>(u[a * m.d + a]));
      return s;
    }
    case Covariance::diag:
      for (Index a = 0; a < m.d; ++a) s += std::log(static_cast<double>(m.factors[k * m.d + a]));
      return s;
    default: return static_cast<double>(m.d) * std::log(static_cast<double>(m.factors[k]));
  }
}

template <class T>
void pack_full(const Mixture<T>& m, const Origin<T>& origin, Packed<T>& p) {
  p.kp = m.k;
  p.means.assign(m.means, m.means + m.k * m.d);
  const Index size = triangle_size(m.d, Group<T>::outputs);
  const bool shared = m.type == Covariance::tied;
  p.coef_stride = shared ? 0 : size;
  p.coef.resize(static_cast<std::size_t>(shared ? size : m.k * size));
  std::vector<double> mean(static_cast<std::size_t>(m.d));
  for (Index k = 0; k < (shared ? 1 : m.k); ++k) {
    if (origin.folded())
      for (Index a = 0; a < m.d; ++a)
        mean[static_cast<std::size_t>(a)] =
            static_cast<double>(m.means[k * m.d + a]) - static_cast<double>(origin.center[a]);
    pack_triangle(m.factors + k * m.d * m.d, origin.folded() ? mean.data() : nullptr, m.d,
                  p.coef.data() + k * size);
  }
}

// Tiles of kScaledTile components; per feature the scales of the tile, then its offsets: h if
// folded, else the means.
template <class T>
void pack_scaled(const Mixture<T>& m, const Origin<T>& origin, Packed<T>& p) {
  constexpr Index tile = kScaledTile;
  p.kp = round_up(m.k, tile);
  p.means.assign(m.means, m.means + m.k * m.d);
  p.coef_stride = m.d * 2 * tile;
  p.coef.assign(static_cast<std::size_t>(p.kp / tile * p.coef_stride), T(0));
  for (Index k = 0; k < m.k; ++k) {
    T* out = p.coef.data() + k / tile * p.coef_stride + k % tile;
    for (Index a = 0; a < m.d; ++a, out += 2 * tile) {
      const T s = m.factors[m.type == Covariance::diag ? k * m.d + a : k];
      const T mu = m.means[k * m.d + a];
      out[0] = s;
      out[tile] = origin.folded() ? -(mu - origin.center[a]) * s : mu;
    }
  }
}

// Spherical: b = p_k m, e = -p_k / 2, c = c_k - p_k |m|^2 / 2 with m the centered mean and p_k the
// precision. Tied: the same with p = 1 for whitened rows and means.
template <class T>
void pack_linear(const Mixture<T>& m, const Origin<T>& origin, Packed<T>& p) {
  constexpr Index tile = Group<T>::outputs;
  const bool tied = m.type == Covariance::tied;
  p.kp = round_up(m.k, tile);
  p.coef_stride = m.d * tile;
  p.coef.assign(static_cast<std::size_t>(p.kp * m.d), T(0));
  p.square.assign(static_cast<std::size_t>(p.kp), T(0));
  if (tied) {
    p.whiten.resize(static_cast<std::size_t>(triangle_size(m.d, tile)));
    pack_triangle(m.factors, static_cast<const double*>(nullptr), m.d, p.whiten.data());
  }
  std::vector<double> mean(static_cast<std::size_t>(m.d));
  for (Index k = 0; k < m.k; ++k) {
    const double precision = tied ? 1.0 : static_cast<double>(m.factors[k]) * m.factors[k];
    double norm = 0;
    for (Index a = 0; a < m.d; ++a) {
      double v = 0;
      if (tied)
        for (Index b = 0; b <= a; ++b)
          v += static_cast<double>(m.factors[b * m.d + a]) *
               (static_cast<double>(m.means[k * m.d + b]) - origin.center[b]);
      else
        v = static_cast<double>(m.means[k * m.d + a]) - origin.center[a];
      norm += v * v;
      p.coef[static_cast<std::size_t>(k / tile * p.coef_stride + a * tile + k % tile)] =
          static_cast<T>(precision * v);
    }
    p.square[static_cast<std::size_t>(k)] = static_cast<T>(-0.5 * precision);
    p.consts[static_cast<std::size_t>(k)] -= static_cast<T>(0.5 * precision * norm);
  }
}

}  // namespace detail

template <class T>
Packed<T> pack(const Mixture<T>& m, const Origin<T>& origin) {
  constexpr double log_2pi = 1.8378770664093454836;
  Packed<T> p;
  p.kernel = kernel_of(m.type, origin.folded());
  p.folded = origin.folded();
  p.k = m.k;
  p.d = m.d;
  p.shift = origin.center;
  const T* origins = origin.about ? origin.about : m.means;
  p.origins.assign(origins, origins + m.k * m.d);
  p.consts.assign(static_cast<std::size_t>(m.k + 8), -std::numeric_limits<T>::infinity());
  for (Index k = 0; k < m.k; ++k)
    p.consts[static_cast<std::size_t>(k)] = static_cast<T>(
        (m.log_weights ? m.log_weights[k] : std::log(static_cast<double>(m.weights[k]))) +
        detail::log_det(m, k) - 0.5 * static_cast<double>(m.d) * log_2pi);
  switch (p.kernel) {
    case Kernel::triangle: detail::pack_full(m, origin, p); break;
    case Kernel::scaled: detail::pack_scaled(m, origin, p); break;
    case Kernel::linear: detail::pack_linear(m, origin, p); break;
  }
  return p;
}

// What statistics about given origins need; densities are not evaluated.
template <class T>
Packed<T> about_origins(Covariance type, Index k, Index d, const T* origins) {
  Packed<T> p;
  p.kernel = kernel_of(type, false);
  p.folded = false;
  p.k = k;
  p.kp = p.kernel == Kernel::scaled ? detail::round_up(k, kScaledTile) : k;
  p.d = d;
  p.origins.assign(origins, origins + k * d);
  return p;
}

// Workspace of one thread for a block of up to `groups` groups.
template <class T>
struct Block {
  Index groups = 0, count = 0;  // groups in use, rows in use
  Buffer<T> xt;                 // [g][d][rows]
  Buffer<T> r;                  // [g][kp][rows] log-densities, then weighted responsibilities
  Buffer<T> z;                  // scratch: a group's differences or whitened rows

  Block(Index capacity, const Packed<T>& p)
      : xt(static_cast<std::size_t>(capacity * p.d * Group<T>::rows)),
        r(static_cast<std::size_t>(capacity * p.kp * Group<T>::rows)),
        z(static_cast<std::size_t>((p.d + 1) * Group<T>::rows)) {}

  T* group(Index g, Index d) { return xt.data() + g * d * Group<T>::rows; }

  void read(const Rows<T>& rows, Index begin, Index end, const T* shift) {
    constexpr Index size = Group<T>::rows;
    count = end - begin;
    groups = (count + size - 1) / size;
    for (Index g = 0; g < groups; ++g)
      load_group(rows.row(begin + g * size), std::min(size, count - g * size), rows.d, shift,
                 group(g, rows.d));
  }
};

namespace detail {

template <class T>
GIBBOUS_INLINE void store_group(T* out, T c, T e, const Vec<T> (&q)[3]) {
  constexpr int L = Group<T>::lanes;
  GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) store(out + v * L, c + e * q[v]);
}

// q += |L z|^2; coef as packed by pack_triangle. go_on(q, outputs so far) is called after each
// panel and returns whether to continue.
template <class T, class GoOn>
inline void triangle_norm(const T* coef, Index d, const T* z, Vec<T> (&q)[3], GoOn&& go_on) {
  triangle_panels(coef, d, z, [&](const auto& y, Index a) {
    for (const auto& output : y) {
      GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) q[v] += output[v] * output[v];
    }
    return go_on(q, a + Group<T>::outputs);
  });
}

template <class T>
inline void subtract_mean(const T* xt, const T* mean, Index d, T* z) {
  constexpr int L = Group<T>::lanes;
  for (Index a = 0; a < d; ++a, xt += 3 * L, z += 3 * L) GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) store(z + v * L, load(xt + v * L) - mean[a]);
}

template <class T>
void density_triangle(const Packed<T>& p, Block<T>& block) {
  constexpr Index rows = Group<T>::rows;
  for (Index k = 0; k < p.k; ++k) {
    const T* coef = p.coef.data() + k * p.coef_stride;
    const T* mean = p.means.data() + k * p.d;
    for (Index g = 0; g < block.groups; ++g) {
      const T* z = block.group(g, p.d);
      if (!p.folded) {
        subtract_mean(z, mean, p.d, block.z.data());
        z = block.z.data();
      }
      Vec<T> q[3] = {};
      triangle_norm(coef, p.d, z, q, [](const auto&, Index) { return true; });
      store_group(block.r.data() + (g * p.kp + k) * rows, p.consts[static_cast<std::size_t>(k)],
                  T(-0.5), q);
    }
  }
}

// The same for wide rows, skipping work that cannot affect the result. A sum of squares only grows,
// so that after any number of panels c_k - q / 2 is an upper bound of the log-density. Once it is
// further below the density of another component than exp resolves, the responsibility is exactly 0
// and the rest of the triangle is skipped. Responsibilities are bit-identical to those of
// density_triangle.
template <class T>
class PrunedTriangle {
 public:
  PrunedTriangle(const Packed<T>& p, Block<T>& block)
      : p_(p),
        block_(block),
        best_(static_cast<std::size_t>(block.groups * kRows), std::numeric_limits<T>::lowest()),
        winner_(static_cast<std::size_t>(block.groups * p.k), 0) {}

  void run() {
    const auto each = [&](auto&& body) {
      for (Index k = 0; k < p_.k; ++k)
        for (Index g = 0; g < block_.groups; ++g) body(k, g);
    };
    // the first outputs of every triangle cost 2% at d = 128 and suggest the winner
    each([&](Index k, Index g) { evaluate(k, g, kFirst, false); });
    for (Index g = 0; g < block_.groups; ++g) mark_winners(g);
    each([&](Index k, Index g) {
      if (winner(k, g)) finish(k, g, false);
    });
    each([&](Index k, Index g) {
      if (!winner(k, g)) finish(k, g, true);
    });
  }

 private:
  static constexpr Index kRows = Group<T>::rows;
  static constexpr Index kFirst = 16;  // outputs between two checks of the bound
  static constexpr T kDepth = gibbous::detail::Elementary<T>::exp_floor - T(1);

  T* at(Index k, Index g) { return block_.r.data() + (g * p_.kp + k) * kRows; }
  T* best(Index g) { return best_.data() + g * kRows; }
  char& winner(Index k, Index g) { return winner_[static_cast<std::size_t>(g * p_.k + k)]; }

  void mark_winners(Index g) {
    for (Index i = 0; i < kRows; ++i) {
      Index top = 0;
      for (Index k = 1; k < p_.k; ++k)
        if (at(k, g)[i] > at(top, g)[i]) top = k;
      winner(top, g) = 1;
    }
  }

  // Whether the bound of every row is too low for a responsibility above 0.
  bool hopeless(const T* bound, Index g) {
    const T* top = best(g);
    bool all = true;
    for (Index i = 0; i < kRows; ++i) all &= bound[i] < top[i] + kDepth;
    return all;
  }

  // Replaces the bound of (k, g) by the log-density, or by -inf if the bound is too low.
  void finish(Index k, Index g, bool prune) {
    T* value = at(k, g);
    if (prune && (hopeless(value, g) || !evaluate(k, g, p_.d, true))) {
      std::fill_n(value, kRows, -std::numeric_limits<T>::infinity());
      return;
    }
    if (!prune) evaluate(k, g, p_.d, false);
    T* top = best(g);
    for (Index i = 0; i < kRows; ++i) top[i] = std::max(top[i], value[i]);
  }

  // Writes c_k - q / 2 after `outputs` outputs; with `prune`, returns false once it is too low.
  bool evaluate(Index k, Index g, Index outputs, bool prune) {
    const T constant = p_.consts[static_cast<std::size_t>(k)];
    bool alive = true;
    subtract_mean(block_.group(g, p_.d), p_.means.data() + k * p_.d, std::min(p_.d, outputs),
                  block_.z.data());
    Vec<T> q[3] = {};
    triangle_norm(p_.coef.data() + k * p_.coef_stride, p_.d, block_.z.data(), q,
                  [&](const Vec<T>(&sum)[3], Index done) {
                    if (done >= outputs) return false;
                    if (!prune || done % kFirst != 0) return true;
                    alignas(64) T bound[kRows];
                    store_group(bound, constant, T(-0.5), sum);
                    return alive = !hopeless(bound, g);
                  });
    store_group(at(k, g), constant, T(-0.5), q);
    return alive;
  }

  const Packed<T>& p_;
  Block<T>& block_;
  Buffer<T> best_;
  std::vector<char> winner_;
};

template <class T, bool Folded>
void density_scaled(const Packed<T>& p, Block<T>& block) {
  constexpr int L = Group<T>::lanes;
  constexpr int tile = kScaledTile;
  constexpr Index rows = Group<T>::rows;
  for (Index k = 0; k < p.kp; k += tile) {
    for (Index g = 0; g < block.groups; ++g) {
      const T* coef = p.coef.data() + k / tile * p.coef_stride;
      const T* x = block.group(g, p.d);
      Vec<T> q[tile][3] = {};
      for (Index a = 0; a < p.d; ++a, coef += 2 * tile, x += 3 * L) {
        const Vec<T> xv[3] = {load(x), load(x + L), load(x + 2 * L)};
        GIBBOUS_UNROLL
        for (int c = 0; c < tile; ++c) GIBBOUS_UNROLL
        for (int v = 0; v < 3; ++v) {
          const Vec<T> t =
              Folded ? xv[v] * coef[c] + coef[tile + c] : (xv[v] - coef[tile + c]) * coef[c];
          q[c][v] += t * t;
        }
      }
      GIBBOUS_UNROLL
      for (int c = 0; c < tile; ++c)
        store_group(block.r.data() + (g * p.kp + k + c) * rows,
                    p.consts[static_cast<std::size_t>(k + c)], T(-0.5), q[c]);
    }
  }
}

// y = U^T x for a group.
template <class T>
inline void whiten_group(const T* coef, Index d, const T* x, T* y) {
  constexpr int L = Group<T>::lanes;
  triangle_panels(coef, d, x, [&](const auto& outputs, Index a) {
    T* out = y + a * 3 * L;
    for (const auto& output : outputs) {
      GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) store(out + v * L, output[v]);
      out += 3 * L;
    }
    return true;
  });
}

template <class T>
void density_linear(const Packed<T>& p, Block<T>& block) {
  constexpr int L = Group<T>::lanes;
  constexpr int tile = Group<T>::outputs;
  constexpr Index rows = Group<T>::rows;
  const T zero[tile] = {};
  for (Index g = 0; g < block.groups; ++g) {
    const T* y = block.group(g, p.d);
    if (!p.whiten.empty()) {
      whiten_group(p.whiten.data(), p.d, y, block.z.data());
      y = block.z.data();
    }
    Vec<T> norm[3] = {};
    for (Index a = 0; a < p.d; ++a) GIBBOUS_UNROLL
    for (int v = 0; v < 3; ++v) {
      const Vec<T> x = load(y + (a * 3 + v) * L);
      norm[v] += x * x;
    }
    for (Index k = 0; k < p.kp; k += tile) {
      Vec<T> dot[tile][3];
      linear_panel<T, tile>(zero, p.coef.data() + k / tile * p.coef_stride, p.d, y, dot);
      T* out = block.r.data() + (g * p.kp + k) * rows;
      GIBBOUS_UNROLL
      for (int c = 0; c < tile; ++c) {
        const T e = p.square[static_cast<std::size_t>(k + c)];
        const T constant = p.consts[static_cast<std::size_t>(k + c)];
        GIBBOUS_UNROLL
        for (int v = 0; v < 3; ++v)
          store(out + c * rows + v * L, (norm[v] * e + dot[c][v]) + constant);
      }
    }
  }
}

}  // namespace detail

// block.r = c_k + log-density of every row under every component.
template <class T>
void log_densities(const Packed<T>& p, Block<T>& block) {
  switch (p.kernel) {
    case Kernel::triangle:
      if (is_narrow(p.d) || p.k == 1)
        detail::density_triangle(p, block);
      else
        detail::PrunedTriangle<T>(p, block).run();
      break;
    case Kernel::scaled:
      if (p.folded)
        detail::density_scaled<T, true>(p, block);
      else
        detail::density_scaled<T, false>(p, block);
      break;
    case Kernel::linear: detail::density_linear(p, block); break;
  }
}

// Converts the log-densities r (kp, rows) of one group to responsibilities times `weight` (rows
// numbers, 0 in the padding) and writes logsumexp to `log_prob`. A row with density 0 under every
// component gets responsibilities 0 and log p = -inf. With Entropy, writes -sum_k p log p of each
// row, computed as log sum_k e_k - sum_k e_k x_k / sum_k e_k with e_k = exp(x_k) and x_k the
// log-density minus its maximum.
template <bool Entropy, class T>
inline void normalize_group(T* r, Index kp, const T* weight, T* log_prob, T* entropy) {
  constexpr int L = Group<T>::lanes;
  constexpr Index rows = Group<T>::rows;
  const Vec<T> floor = splat(gibbous::detail::Elementary<T>::exp_floor);
  Vec<T> top[3], sum[3] = {}, mixed[3] = {};
  GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) top[v] = splat(std::numeric_limits<T>::lowest());
  for (Index k = 0; k < kp; ++k) GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) top[v] = vmax(top[v], load(r + k * rows + v * L));
  for (Index k = 0; k < kp; ++k) GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) {
    T* at = r + k * rows + v * L;
    const Vec<T> x = load(at) - top[v];
    const Vec<T> e = vexp<T>(x);
    store(at, e);
    sum[v] += e;
    if constexpr (Entropy) mixed[v] += e * vmax(x, floor);  // e is 0 there, and x may be -inf
  }
  GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) {
    const Bits<T> alive = sum[v] > T(0);
    const Vec<T> safe = alive ? sum[v] : splat(T(1));
    const Vec<T> log_sum = vlog<T>(safe);
    const Vec<T> lse = top[v] + log_sum;
    store(log_prob + v * L, alive ? lse : splat(-std::numeric_limits<T>::infinity()));
    if constexpr (Entropy) store(entropy + v * L, log_sum - mixed[v] / safe);
    sum[v] = load(weight + v * L) / safe;
  }
  for (Index k = 0; k < kp; ++k) GIBBOUS_UNROLL
  for (int v = 0; v < 3; ++v) {
    T* at = r + k * rows + v * L;
    store(at, load(at) * sum[v]);
  }
}

// Sums over rows of an E-step, in addition to the statistics of the components.
struct RowSums {
  double log_prob = 0, entropy = 0;  // of weight * log p, and of weight * -sum_k p_k log p_k
};

// Normalizes a block. log_prob holds groups * rows numbers.
template <bool Entropy = false, class T>
RowSums normalize(const Packed<T>& p, const Rows<T>& rows, Index begin, Block<T>& block,
                  T* log_prob) {
  constexpr Index size = Group<T>::rows;
  RowSums total;
  for (Index g = 0; g < block.groups; ++g) {
    alignas(64) T weight[size];
    alignas(64) T entropy[Entropy ? size : 1];
    const Index first = g * size, n = std::min(size, block.count - first);
    for (Index i = 0; i < size; ++i) weight[i] = i < n ? rows.w(begin + first + i) : T(0);
    T* lp = log_prob + first;
    normalize_group<Entropy>(block.r.data() + g * p.kp * size, p.kp, weight, lp, entropy);
    for (Index i = 0; i < n; ++i) {
      if (!(weight[i] > T(0))) continue;
      const double w = static_cast<double>(weight[i]);
      total.log_prob += w * static_cast<double>(lp[i]);
      if constexpr (Entropy) total.entropy += w * static_cast<double>(entropy[i]);
    }
  }
  return total;
}

}  // namespace gibbous::gmm
