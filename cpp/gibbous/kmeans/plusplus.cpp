// SPDX-License-Identifier: Apache-2.0
// Greedy k-means++: each step computes the gain of every candidate, then takes the best one.
#include <limits>
#include <numeric>
#include <stdexcept>

#include "gibbous/ground/random.hpp"
#include "gibbous/kmeans/pass.hpp"

namespace gibbous::kmeans {
namespace {

// Rows whose weighted distances are summed together; a draw searches the blocks, then one block.
constexpr Index kBlock = 1024;

// The candidates of a step ("trials", rows of the data), and the squared distances to them.
//   set(rows, count)    sets the candidate rows
//   one(row, t)         squared distance of a row to trial t
//   weigh(...)          for rows[0 .. n): adds to gain[t] by how much trial t would lower the row's
//                       weighted distance, and sets bit t % 8 of mask[row] if it would
//   slack()             relative error of a squared distance
template <class Data>
class Points;

// Trials are the lanes and features are the outer loop, so that rows are read sequentially.
template <class T>
class Points<Rows<T>> {
 public:
  using Scalar = T;
  static constexpr int L = std::min(kLanes<T>, 8);
  using V = typename VectorOf<T, L* static_cast<int>(sizeof(T))>::type;
  using W = typename VectorOf<double, L * 8>::type;
  using I = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
  using B = typename VectorOf<I, L* static_cast<int>(sizeof(T))>::type;

  explicit Points(const Rows<T>& x) : x_(x) {}

  T slack() const { return static_cast<T>(x_.d + 16) * std::numeric_limits<T>::epsilon(); }

  void set(const Index* rows, Index count) {
    rows_.assign(rows, rows + count);
    vectors_ = (count + L - 1) / L;
    lanes_.resize(static_cast<std::size_t>(vectors_ * L * x_.d));
    for (Index t = 0; t < vectors_ * L; ++t)
      for (Index a = 0; a < x_.d; ++a)
        lanes_[static_cast<std::size_t>((t / L * x_.d + a) * L + t % L)] =
            x_.row(rows[std::min(t, count - 1)])[a];
  }

  T one(Index row, Index t) const {
    return distance2(x_.row(row), x_.row(rows_[static_cast<std::size_t>(t)]), x_.d);
  }

  void weigh(const Index* rows, Index n, const T* closest, double* gain, std::uint8_t* mask) const {
    for (Index v = 0; v < vectors_; ++v) {
      W sum{};
      Index i = 0;
      for (; i + 8 <= n; i += 8) weigh_rows<8>(rows + i, v, closest, sum, mask);
      for (; i < n; ++i) weigh_rows<1>(rows + i, v, closest, sum, mask);
      const Index live = std::min<Index>(L, static_cast<Index>(rows_.size()) - v * L);
      for (Index l = 0; l < live; ++l) gain[v * L + l] += sum[static_cast<int>(l)];
    }
  }

 private:
  template <int N>
  GIBBOUS_INLINE void weigh_rows(const Index* rows, Index v, const T* closest, W& sum,
                                 std::uint8_t* mask) const {
    const T* x[N];
    V acc[N] = {};
    GIBBOUS_UNROLL
    for (int i = 0; i < N; ++i) x[i] = x_.row(rows[i]);
    const T* c = lanes_.data() + v * x_.d * L;
    for (Index a = 0; a < x_.d; ++a) {
      V point;
      std::memcpy(&point, c + a * L, sizeof point);
      GIBBOUS_UNROLL
      for (int i = 0; i < N; ++i) {
        const V diff = x[i][a] - point;
        acc[i] += diff * diff;
      }
    }
    V most{};
    GIBBOUS_UNROLL
    for (int i = 0; i < N; ++i) {
      const V less = closest[rows[i]] - acc[i];
      acc[i] = less > T(0) ? less : V{};
      most = acc[i] > most ? acc[i] : most;
    }
    if (!any(most > T(0))) return;
    B bit{};
    GIBBOUS_UNROLL
    for (int l = 0; l < L; ++l) bit[l] = I{1} << ((v * L + l) % 8);
    GIBBOUS_UNROLL
    for (int i = 0; i < N; ++i) {
      const W less = __builtin_convertvector(acc[i], W);
      sum += static_cast<double>(x_.w(rows[i])) * less;
      const B better = (acc[i] > T(0)) & bit;
      I bits = better[0];
      GIBBOUS_UNROLL
      for (int l = 1; l < L; ++l) bits |= better[l];
      mask[rows[i]] |= static_cast<std::uint8_t>(bits);
    }
  }

  static GIBBOUS_INLINE bool any(const B& b) {
    std::uint64_t words[sizeof(B) / 8], all = 0;
    std::memcpy(words, &b, sizeof b);
    for (std::uint64_t word : words) all |= word;
    return all != 0;
  }

  Rows<T> x_;
  Index vectors_ = 0;
  std::vector<Index> rows_;
  std::vector<T> lanes_;
};

template <class T, class I>
class Points<Csr<T, I>> {
 public:
  using Scalar = T;

  explicit Points(const Csr<T, I>& x) : x_(x) {}

  T slack() const { return T(64) * std::numeric_limits<T>::epsilon(); }

  void set(const Index* rows, Index count) {
    const std::size_t size = static_cast<std::size_t>(count * x_.d);
    if (columns_.size() == size) {  // clear the entries of the previous trials
      const Index before = static_cast<Index>(rows_.size());
      for (Index t = 0; t < before; ++t)
        for (I e = x_.indptr[rows_[static_cast<std::size_t>(t)]];
             e < x_.indptr[rows_[static_cast<std::size_t>(t)] + 1]; ++e)
          columns_[static_cast<std::size_t>(x_.indices[e] * before + t)] = 0;
    } else {
      columns_.assign(size, 0.0);
    }
    rows_.assign(rows, rows + count);
    norm2_.assign(static_cast<std::size_t>(count), 0.0);
    for (Index t = 0; t < count; ++t)
      for (I e = x_.indptr[rows[t]]; e < x_.indptr[rows[t] + 1]; ++e) {
        const double v = static_cast<double>(x_.data[e]);
        columns_[static_cast<std::size_t>(x_.indices[e] * count + t)] = v;
        norm2_[static_cast<std::size_t>(t)] += v * v;
      }
  }

  // The stored columns directly, the others through |c|^2, in double.
  T one(Index row, Index t) const {
    const Index count = static_cast<Index>(rows_.size());
    double near = 0, seen = 0;
    for (I e = x_.indptr[row]; e < x_.indptr[row + 1]; ++e) {
      const double v = columns_[static_cast<std::size_t>(x_.indices[e] * count + t)];
      const double diff = static_cast<double>(x_.data[e]) - v;
      near += diff * diff;
      seen += v * v;
    }
    return static_cast<T>(near + std::max(norm2_[static_cast<std::size_t>(t)] - seen, 0.0));
  }

  void weigh(const Index* rows, Index n, const T* closest, double* gain, std::uint8_t* mask) const {
    for (Index i = 0; i < n; ++i)
      for (std::size_t t = 0; t < rows_.size(); ++t) {
        const Index row = rows[i];
        const double less = static_cast<double>(closest[row]) -
                            static_cast<double>(one(row, static_cast<Index>(t)));
        if (!(less > 0)) continue;
        gain[t] += static_cast<double>(x_.w(row)) * less;
        mask[row] |= static_cast<std::uint8_t>(1u << (t % 8));
      }
  }

 private:
  Csr<T, I> x_;
  std::vector<Index> rows_;
  std::vector<double> columns_, norm2_;  // columns: (d, count)
};

template <class Data>
class Seeding {
 public:
  using T = typename Points<Data>::Scalar;

  Seeding(const Execution& run, const Data& x, Index k, Index trials, bool prune)
      : run_(fit_threads(run, work_of(x, trials))),
        x_(x),
        k_(k),
        trials_(trials),
        prune_(prune),
        blocks_((x.n + kBlock - 1) / kBlock),
        tasks_(std::min<Index>(blocks_, kSlots)),
        points_(x),
        closest_(static_cast<std::size_t>(x.n), std::numeric_limits<T>::infinity()),
        nearest_(static_cast<std::size_t>(x.n), 0),
        mask_(static_cast<std::size_t>(x.n), 1),
        block_sum_(static_cast<std::size_t>(blocks_)) {}

  void choose(const Stream& stream, Index* rows) {
    rows[0] = weighted_row(stream.uniform(0, 0));
    points_.set(rows, 1);
    update(0, 0);
    std::vector<Index> candidates(static_cast<std::size_t>(trials_));
    for (Index c = 1; c < k_; ++c) {
      const double total = std::accumulate(block_sum_.begin(), block_sum_.end(), 0.0);
      if (!std::isfinite(total))
        throw std::invalid_argument(
            "X has rows so far apart that squared distances overflow; scale X, or use float64");
      const auto step = static_cast<std::uint32_t>(c);
      if (!(total > 0)) {  // every row coincides with a center
        rows[c] = weighted_row(stream.uniform(step, 0));
        continue;
      }
      for (Index t = 0; t < trials_; ++t)
        candidates[static_cast<std::size_t>(t)] =
            distant_row(stream.uniform(step, static_cast<std::uint64_t>(t)) * total);
      points_.set(candidates.data(), trials_);
      const Index best = evaluate(rows, c);
      rows[c] = candidates[static_cast<std::size_t>(best)];
      update(best, static_cast<Label>(c));
    }
  }

 private:
  Range rows_of(Index block) const {
    return {block * kBlock, std::min(x_.n, (block + 1) * kBlock)};
  }

  // A row with probability proportional to its weight.
  Index weighted_row(double u) const {
    if (!x_.weight) return std::min(static_cast<Index>(u * static_cast<double>(x_.n)), x_.n - 1);
    double total = 0;
    for (Index i = 0; i < x_.n; ++i) total += static_cast<double>(x_.weight[i]);
    double left = u * total;
    Index last = 0;
    for (Index i = 0; i < x_.n; ++i) {
      if (!(x_.weight[i] > 0)) continue;
      last = i;
      left -= static_cast<double>(x_.weight[i]);
      if (left < 0) break;
    }
    return last;
  }

  double mass(Index i) const {
    return static_cast<double>(x_.w(i)) *
           static_cast<double>(closest_[static_cast<std::size_t>(i)]);
  }

  // The row at which the cumulative sum of the masses exceeds `target`.
  Index distant_row(double target) const {
    Index at = 0;  // last block with any mass up to the target
    for (Index b = 0; b < blocks_; ++b) {
      const double sum = block_sum_[static_cast<std::size_t>(b)];
      if (!(sum > 0)) continue;
      at = b;
      if (target < sum) break;
      target -= sum;
    }
    Index last = 0;
    for (Index i = rows_of(at).begin; i < rows_of(at).end; ++i) {
      const double m = mass(i);
      if (!(m > 0)) continue;
      last = i;
      target -= m;
      if (target < 0) break;
    }
    return last;
  }

  // For each center so far: rows of its cluster within this squared distance of it cannot be closer
  // to any candidate, because |c - candidate| >= 2 |x - c|.
  void set_reach(const Index* centers, Index count) {
    reach_.assign(static_cast<std::size_t>(count), T(-1));
    if (!prune_) return;
    for (Index j = 0; j < count; ++j) {
      T least = points_.one(centers[j], 0);
      for (Index t = 1; t < trials_; ++t) least = std::min(least, points_.one(centers[j], t));
      reach_[static_cast<std::size_t>(j)] = least * (1 - points_.slack()) / 4;
    }
  }

  // The trial that lowers the potential most.
  Index evaluate(const Index* centers, Index count) {
    set_reach(centers, count);
    std::vector<double> gains(static_cast<std::size_t>(trials_), 0.0);
    parallel_sum(run_, tasks_, trials_, gains.data(),
                 [&](Index task, const Worker& worker, double* gain) {
                   Index rows[kBlock];
                   const Range own = slot_range(blocks_, tasks_, task);
                   for (Index b = own.begin; b < own.end; ++b) {
                     worker.checkpoint();
                     const Range r = rows_of(b);
                     std::fill(mask_.begin() + r.begin, mask_.begin() + r.end, 0);
                     const Index alive = survivors(r, rows);
                     points_.weigh(rows, alive, closest_.data(), gain, mask_.data());
                   }
                 });
    return std::max_element(gains.begin(), gains.end()) - gains.begin();
  }

  // Collects the rows that a candidate might improve.
  Index survivors(Range r, Index* out) const {
    Index m = 0;
    for (Index i = r.begin; i < r.end; ++i) {
      const std::size_t at = static_cast<std::size_t>(i);
      out[m] = i;
      m += closest_[at] > reach_[static_cast<std::size_t>(nearest_[at])];
    }
    return m;
  }

  // Makes trial `best` center number c.
  void update(Index best, Label c) {
    const std::uint8_t bit = static_cast<std::uint8_t>(1u << (best % 8));
    parallel_tasks(run_, tasks_, [&](Index task, const Worker& worker) {
      const Range own = slot_range(blocks_, tasks_, task);
      for (Index b = own.begin; b < own.end; ++b) {
        worker.checkpoint();
        bool moved = false;
        const Range r = rows_of(b);
        for (Index i = r.begin; i < r.end; ++i) {
          const std::size_t at = static_cast<std::size_t>(i);
          if (!(mask_[at] & bit)) {
            i += skip(i, r.end, bit);
            continue;
          }
          const T dist2 = points_.one(i, best);
          if (!(dist2 < closest_[at])) continue;
          closest_[at] = dist2;
          nearest_[at] = c;
          moved = true;
        }
        if (moved) block_sum_[static_cast<std::size_t>(b)] = block_mass(r);
      }
    });
  }

  // How many rows after row i can be skipped, eight at a time: most have no bit set.
  Index skip(Index i, Index end, std::uint8_t bit) const {
    const std::uint64_t bits = 0x0101010101010101u * bit;
    Index over = 0;
    std::uint64_t word;
    for (; i + over + 9 <= end; over += 8) {
      std::memcpy(&word, mask_.data() + i + over + 1, sizeof word);
      if (word & bits) break;
    }
    return over;
  }

  double block_mass(Range r) const {
    double part[8] = {};
    Index i = r.begin;
    for (; i + 8 <= r.end; i += 8)
      for (Index j = 0; j < 8; ++j) part[j] += mass(i + j);
    for (; i < r.end; ++i) part[0] += mass(i);
    return ((part[0] + part[1]) + (part[2] + part[3])) +
           ((part[4] + part[5]) + (part[6] + part[7]));
  }

  Execution run_;
  Data x_;
  Index k_, trials_;
  bool prune_;
  Index blocks_, tasks_;
  Points<Data> points_;
  std::vector<T> closest_;          // squared distance to the closest center
  std::vector<Label> nearest_;      // index of the closest center
  std::vector<std::uint8_t> mask_;  // which trials (modulo 8) would be closer
  std::vector<double> block_sum_;
  std::vector<T> reach_;
};

}  // namespace

template <class Data>
void plusplus(const Execution& run, const Data& x, Index k, Index trials, std::uint64_t seed,
              bool prune, Index* rows) {
  Seeding<Data>(run, x, k, trials, prune).choose(Stream(seed, Purpose::kmeans_plusplus), rows);
}

#define GIBBOUS_PLUSPLUS(Data) \
  template void plusplus(const Execution&, const Data&, Index, Index, std::uint64_t, bool, Index*);
using Csr32f = Csr<float, Index32>;
using Csr64f = Csr<float, Index64>;
using Csr32d = Csr<double, Index32>;
using Csr64d = Csr<double, Index64>;
GIBBOUS_PLUSPLUS(Rows<float>)
GIBBOUS_PLUSPLUS(Rows<double>)
GIBBOUS_PLUSPLUS(Csr32f)
GIBBOUS_PLUSPLUS(Csr64f)
GIBBOUS_PLUSPLUS(Csr32d)
GIBBOUS_PLUSPLUS(Csr64d)

}  // namespace gibbous::kmeans
