// SPDX-License-Identifier: Apache-2.0
// K-means on CSR rows: centers are transposed, so that lanes are centers and the stored entries of
// a row select what is read. Rows are never converted to dense.
#include <limits>
#include <type_traits>

#include "gibbous/kmeans/pass.hpp"

namespace gibbous::kmeans {
namespace {

template <class T, class I>
class SparseRanker {
 public:
  using Scalar = T;
  static constexpr int L = kLanes<T>;
  static constexpr int tile = 8;  // vectors of centers held in registers

  struct Scratch {
    explicit Scratch(const SparseRanker&) {}
  };

  // Bounds would save little: rows are short and their distances to centers are large compared with
  // the gaps.
  SparseRanker(const Csr<T, I>& x, const T* centers, Index k, const Bounds<T>& = {})
      : x_(x),
        centers_(centers),
        k_(k),
        padded_((k + L - 1) / L * L),
        columns_(static_cast<std::size_t>(x.d * padded_)),
        init_(static_cast<std::size_t>(padded_), std::numeric_limits<T>::infinity()),
        norm2_(static_cast<std::size_t>(k)) {
    for (Index c = 0; c < k; ++c) {
      double norm2 = 0;
      for (Index a = 0; a < x.d; ++a) {
        const T v = centers[c * x.d + a];
        columns_[static_cast<std::size_t>(a * padded_ + c)] = v;
        norm2 += static_cast<double>(v) * static_cast<double>(v);
      }
      norm2_[static_cast<std::size_t>(c)] = norm2;
      init_[static_cast<std::size_t>(c)] = static_cast<T>(norm2);
      reach_ = std::max(reach_, 4 * norm2);
    }
  }

  Index block() const { return 64; }

  void rank(Index first, Index count, Scratch&, const Label*, Label* labels, T* dist2) const {
    for (Index i = 0; i < count; ++i) {
      const Index row = first + i;
      T gap;
      Index label = closest(row, gap);
      double far = direct(row, label);
      const double stored = static_cast<double>(x_.indptr[row + 1] - x_.indptr[row]);
      const double slack =
          (2.5 * std::sqrt(stored) + 8) * static_cast<double>(std::numeric_limits<T>::epsilon());
      if (!(static_cast<double>(gap) > slack * (far + reach_))) {
        label = 0;
        far = direct(row, 0);
        for (Index c = 1; c < k_; ++c) {
          const double other = direct(row, c);
          if (other < far) far = other, label = c;
        }
      }
      labels[i] = static_cast<Label>(label);
      dist2[i] = static_cast<T>(far);
    }
  }

  void add(Index i, double w, double* sum) const {
    for (I e = x_.indptr[i]; e < x_.indptr[i + 1]; ++e)
      sum[x_.indices[e]] += w * static_cast<double>(x_.data[e]);
  }

  // |x - c|^2 in double: the stored columns directly, the others through |c|^2.
  double direct(Index i, Index c) const {
    const T* center = centers_ + c * x_.d;
    double near = 0, seen = 0;
    for (I e = x_.indptr[i]; e < x_.indptr[i + 1]; ++e) {
      const double v = static_cast<double>(center[x_.indices[e]]);
      const double diff = static_cast<double>(x_.data[e]) - v;
      near += diff * diff;
      seen += v * v;
    }
    return near + std::max(norm2_[static_cast<std::size_t>(c)] - seen, 0.0);
  }

 private:
  // |c|^2 - 2 x.c for N vectors of centers.
  template <int N>
  GIBBOUS_INLINE void scores(Index i, Index c, Vec<T> (&acc)[N]) const {
    GIBBOUS_UNROLL
    for (int t = 0; t < N; ++t) acc[t] = load(init_.data() + c + t * L);
    for (I e = x_.indptr[i]; e < x_.indptr[i + 1]; ++e) {
      const T v = T(-2) * x_.data[e];
      const T* column = columns_.data() + static_cast<Index>(x_.indices[e]) * padded_ + c;
      GIBBOUS_UNROLL
      for (int t = 0; t < N; ++t) acc[t] += v * load(column + t * L);
    }
  }

  // The center with the lowest score, and the gap to the next one.
  Index closest(Index i, T& gap) const {
    using Int = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
    Vec<T> best = splat(std::numeric_limits<T>::infinity()), second = best;
    Bits<T> at{};
    const auto take = [&](Index c, const Vec<T>& value) {
      const Bits<T> closer = value < best;
      const Vec<T> loser = closer ? best : value;
      second = loser < second ? loser : second;
      best = closer ? value : best;
      at = closer ? static_cast<Int>(c / L) - Bits<T>{} : at;
    };
    Index c = 0;
    for (; c + tile * L <= padded_; c += tile * L) {
      Vec<T> acc[tile];
      scores(i, c, acc);
      GIBBOUS_UNROLL
      for (int t = 0; t < tile; ++t) take(c + t * L, acc[t]);
    }
    for (; c < padded_; c += L) {
      Vec<T> acc[1];
      scores(i, c, acc);
      take(c, acc[0]);
    }
    int lane = 0;
    for (int l = 1; l < L; ++l)
      if (best[l] < best[lane] || (best[l] == best[lane] && at[l] < at[lane])) lane = l;
    T next = second[lane];
    for (int l = 0; l < L; ++l)
      if (l != lane) next = std::min(next, best[l]);
    gap = next - best[lane];
    return static_cast<Index>(at[lane]) * L + lane;
  }

  Csr<T, I> x_;
  const T* centers_;
  Index k_, padded_;
  std::vector<T> columns_, init_;  // (d, padded): centers by columns
  std::vector<double> norm2_;
  double reach_ = 0;
};

template <class T>
struct RankerOf;
template <class T, class I>
struct RankerOf<Csr<T, I>> {
  using type = SparseRanker<T, I>;
};
template <class Data>
using Ranker = typename RankerOf<Data>::type;

}  // namespace

template <class Data, class T>
Step lloyd_step(const Execution& run, const Data& x, const T* centers, Index k, Label* labels,
                T* new_centers, const Bounds<T>& bounds) {
  return step<Ranker<Data>>(run, x, centers, k, labels, new_centers, bounds);
}

template <class Data, class T>
double assign(const Execution& run, const Data& x, const T* centers, Index k, Label* labels) {
  return pass(run, Ranker<Data>(x, centers, k), x, k, labels, nullptr).inertia;
}

template <class Data, class T>
double minibatch_step(const Execution& run, const Data& x, T* centers, Index k, double* counts,
                      Label* labels) {
  return minibatch<Ranker<Data>>(run, x, centers, k, counts, labels);
}

template <class Data, class T>
void distances(const Execution& run, const Data& x, const T* centers, Index k, T* out) {
  const Ranker<Data> ranker(x, centers, k);
  const Index tasks = slots(x.n, 64);
  parallel_tasks(fit_threads(run, work_of(x, k)), tasks, [&](Index task, const Worker& worker) {
    const Range rows = slot_range(x.n, tasks, task);
    for (Index i = rows.begin; i < rows.end; ++i) {
      worker.checkpoint();
      for (Index c = 0; c < k; ++c) out[i * k + c] = static_cast<T>(std::sqrt(ranker.direct(i, c)));
    }
  });
}

#define GIBBOUS_KMEANS_SPARSE(T, I)                                                               \
  template Step lloyd_step(const Execution&, const Csr<T, I>&, const T*, Index, Label*, T*,       \
                           const Bounds<T>&);                                                     \
  template double assign(const Execution&, const Csr<T, I>&, const T*, Index, Label*);            \
  template double minibatch_step(const Execution&, const Csr<T, I>&, T*, Index, double*, Label*); \
  template void distances(const Execution&, const Csr<T, I>&, const T*, Index, T*);
GIBBOUS_KMEANS_SPARSE(float, Index32)
GIBBOUS_KMEANS_SPARSE(float, Index64)
GIBBOUS_KMEANS_SPARSE(double, Index32)
GIBBOUS_KMEANS_SPARSE(double, Index64)

}  // namespace gibbous::kmeans
