// SPDX-License-Identifier: Apache-2.0
// Greedy k-means++ in two passes a step: how much would each candidate gain, then the update.
#include <limits>
#include <numeric>
#include <stdexcept>

#include "gibbous/kmeans_pass.hpp"
#include "gibbous/random.hpp"
#include "gibbous/transpose.hpp"

namespace gibbous::kmeans {
namespace {

// Rows whose weighted distances are summed together; draws walk over blocks, then inside one.
constexpr Index kBlock = 1024;

// Squared distances of a group of rows to a few rows of the data ("points").
template <class Data>
class Points;

template <class T>
class Points<Rows<T>> {
 public:
  using Scalar = T;
  static constexpr int R = Group<T>::outputs;
  static constexpr Index group = Group<T>::rows;
  struct Scratch {
    explicit Scratch(const Points& p) : xt(static_cast<std::size_t>(group * p.x_.d)) {}
    std::vector<T> xt;
  };

  explicit Points(const Rows<T>& x) : x_(x) {}

  // Relative error of a distance: a sum of d squares, each off by a few roundings.
  T slack() const { return static_cast<T>(x_.d + 16) * std::numeric_limits<T>::epsilon(); }

  void set(const Index* rows, Index count) {
    count_ = count;
    coef_.resize(static_cast<std::size_t>((count + R - 1) / R * R * x_.d));
    for (Index t = 0; t < (count + R - 1) / R * R; ++t)
      for (Index a = 0; a < x_.d; ++a)
        coef_[static_cast<std::size_t>(t / R * R * x_.d + a * R + t % R)] =
            x_.row(rows[std::min(t, count - 1)])[a];
  }

  // out[t * group + i]: from point t to row rows[i], i < n <= group; other entries mean nothing.
  void measure(const Index* rows, Index n, Scratch& s, T* out) const {
    load_rows<T>([&](Index i) { return x_.row(rows[i]); }, n, x_.d, nullptr, s.xt.data());
    for (Index t = 0; t < count_; t += R) {
      Vec<T> acc[R][3];
      distance_panel<T, R>(coef_.data() + t * x_.d, x_.d, s.xt.data(), acc);
      const Index live = std::min<Index>(R, count_ - t);
      GIBBOUS_UNROLL
      for (int r = 0; r < R; ++r)
        if (r < live) GIBBOUS_UNROLL
      for (int v = 0; v < 3; ++v) store(out + (t + r) * group + v * kLanes<T>, acc[r][v]);
    }
  }

 private:
  Rows<T> x_;
  Index count_ = 0;
  std::vector<T> coef_;
};

template <class T, class I>
class Points<Csr<T, I>> {
 public:
  using Scalar = T;
  static constexpr Index group = Group<T>::rows;
  struct Scratch {
    explicit Scratch(const Points&) {}
  };

  explicit Points(const Csr<T, I>& x) : x_(x) {}

  T slack() const { return T(64) * std::numeric_limits<T>::epsilon(); }

  void set(const Index* rows, Index count) {
    const std::size_t size = static_cast<std::size_t>(count * x_.d);
    if (columns_.size() == size && count == count_) {
      for (Index t = 0; t < count_; ++t)
        for (I e = x_.indptr[rows_[static_cast<std::size_t>(t)]];
             e < x_.indptr[rows_[static_cast<std::size_t>(t)] + 1]; ++e)
          columns_[static_cast<std::size_t>(x_.indices[e] * count_ + t)] = 0;
    } else {
      columns_.assign(size, 0.0);
    }
    count_ = count;
    rows_.assign(rows, rows + count);
    norm2_.assign(static_cast<std::size_t>(count), 0.0);
    for (Index t = 0; t < count; ++t)
      for (I e = x_.indptr[rows[t]]; e < x_.indptr[rows[t] + 1]; ++e) {
        const double v = static_cast<double>(x_.data[e]);
        columns_[static_cast<std::size_t>(x_.indices[e] * count + t)] = v;
        norm2_[static_cast<std::size_t>(t)] += v * v;
      }
  }

  void measure(const Index* rows, Index n, Scratch&, T* out) const {
    for (Index i = 0; i < n; ++i)
      for (Index t = 0; t < count_; ++t) {
        double near = 0, seen = 0;
        for (I e = x_.indptr[rows[i]]; e < x_.indptr[rows[i] + 1]; ++e) {
          const double v = columns_[static_cast<std::size_t>(x_.indices[e] * count_ + t)];
          const double diff = static_cast<double>(x_.data[e]) - v;
          near += diff * diff;
          seen += v * v;
        }
        out[t * group + i] =
            static_cast<T>(near + std::max(norm2_[static_cast<std::size_t>(t)] - seen, 0.0));
      }
  }

 private:
  Csr<T, I> x_;
  Index count_ = 0;
  std::vector<Index> rows_;
  std::vector<double> columns_, norm2_;  // (d, count)
};

template <class Data>
class Seeding {
 public:
  using P = Points<Data>;
  using T = typename P::Scalar;
  static constexpr Index group = P::group;

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
        block_sum_(static_cast<std::size_t>(blocks_)),
        improved_(static_cast<std::size_t>(tasks_)) {}

  void choose(const Stream& stream, Index* rows) {
    rows[0] = weighted_row(stream.uniform(0, 0));
    points_.set(rows, 1);
    for (Improved& slot : improved_) slot.complete = false;
    update(0, 0);
    std::vector<Index> candidates(static_cast<std::size_t>(trials_));
    for (Index c = 1; c < k_; ++c) {
      const double total = std::accumulate(block_sum_.begin(), block_sum_.end(), 0.0);
      if (!std::isfinite(total))
        throw std::invalid_argument(
            "X has rows so far apart that squared distances overflow; scale X, or use float64");
      const auto step = static_cast<std::uint32_t>(c);
      if (!(total > 0)) {  // every row lies on a centre
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
  // Rows of one task that some candidate would improve, as far as there was room to note them.
  struct Improved {
    struct Entry {
      Index row;
      Label trial;
      T dist2;
    };
    std::vector<Entry> entries;
    bool complete = true;
  };

  Range rows_of(Index task) const {
    const Range b = slot_range(blocks_, tasks_, task);
    return {b.begin * kBlock, std::min(x_.n, b.end * kBlock)};
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

  // The row where the running sum of the masses passes `target`.
  Index distant_row(double target) const {
    Index at = -1;  // last block with any mass up to the target
    for (Index b = 0; b < blocks_; ++b) {
      const double sum = block_sum_[static_cast<std::size_t>(b)];
      if (!(sum > 0)) continue;
      at = b;
      if (target < sum) break;
      target -= sum;
    }
    Index last = 0;
    for (Index i = at * kBlock; i < std::min(x_.n, (at + 1) * kBlock); ++i) {
      const double m = mass(i);
      if (!(m > 0)) continue;
      last = i;
      target -= m;
      if (target < 0) break;
    }
    return last;
  }

  // For each centre so far: rows of its cluster at most this far from it (squared) cannot be
  // closer to any candidate, because |c - candidate| >= 2 |x - c|.
  void set_reach(const Index* centers, Index count) {
    reach_.assign(static_cast<std::size_t>(count), T(-1));
    if (!prune_) return;
    typename P::Scratch scratch(points_);
    std::vector<T> out(static_cast<std::size_t>(trials_ * group));
    for (Index j = 0; j < count; j += group) {
      const Index n = std::min(group, count - j);
      points_.measure(centers + j, n, scratch, out.data());
      for (Index i = 0; i < n; ++i) {
        T least = out[static_cast<std::size_t>(i)];
        for (Index t = 1; t < trials_; ++t)
          least = std::min(least, out[static_cast<std::size_t>(t * group + i)]);
        reach_[static_cast<std::size_t>(j + i)] = least * (1 - points_.slack()) / 4;
      }
    }
  }

  // Collects the rows of [begin, end) that a candidate might improve.
  Index survivors(Index begin, Index end, Index* out) const {
    Index m = 0;
    for (Index i = begin; i < end; ++i) {
      const std::size_t at = static_cast<std::size_t>(i);
      out[m] = i;
      m += closest_[at] > reach_[static_cast<std::size_t>(nearest_[at])];
    }
    return m;
  }

  // The trial that lowers the potential most.
  Index evaluate(const Index* centers, Index count) {
    set_reach(centers, count);
    std::vector<double> gains(static_cast<std::size_t>(trials_), 0.0);
    parallel_sum(
        run_, tasks_, trials_, gains.data(),
        [&](Index task, const Worker& worker, double* gain) { weigh(task, worker, gain); });
    return std::max_element(gains.begin(), gains.end()) - gains.begin();
  }

  void weigh(Index task, const Worker& worker, double* gain) {
    typename P::Scratch scratch(points_);
    std::vector<T> out(static_cast<std::size_t>(trials_ * group));
    Index rows[kBlock];
    Improved& noted = improved_[static_cast<std::size_t>(task)];
    noted.entries.clear();
    noted.complete = true;
    const Range range = rows_of(task);
    const std::size_t room = static_cast<std::size_t>((range.end - range.begin) / 4);
    for (Index first = range.begin; first < range.end; first += kBlock) {
      worker.checkpoint();
      const Index alive = survivors(first, std::min(range.end, first + kBlock), rows);
      for (Index g = 0; g < alive; g += group) {
        const Index n = std::min(group, alive - g);
        points_.measure(rows + g, n, scratch, out.data());
        for (Index t = 0; t < trials_; ++t)
          for (Index i = 0; i < n; ++i) {
            const Index row = rows[g + i];
            const T now = closest_[static_cast<std::size_t>(row)];
            const T then = out[static_cast<std::size_t>(t * group + i)];
            if (!(then < now)) continue;
            gain[t] += static_cast<double>(x_.w(row)) *
                       (static_cast<double>(now) - static_cast<double>(then));
            if (noted.entries.size() < room) {
              noted.entries.push_back({row, static_cast<Label>(t), then});
            } else {
              noted.complete = false;
            }
          }
      }
    }
  }

  // Makes trial `best` centre number c.
  void update(Index best, Label c) {
    parallel_tasks(run_, tasks_, [&](Index task, const Worker& worker) {
      const Improved& noted = improved_[static_cast<std::size_t>(task)];
      if (noted.complete) {
        for (const typename Improved::Entry& e : noted.entries)
          if (e.trial == best) move(e.row, c, e.dist2);
      } else {
        measure_all(task, worker, best, c);
      }
      const Range range = rows_of(task);
      for (Index first = range.begin; first < range.end; first += kBlock) {
        double sum = 0;
        for (Index i = first; i < std::min(range.end, first + kBlock); ++i) sum += mass(i);
        block_sum_[static_cast<std::size_t>(first / kBlock)] = sum;
      }
    });
  }

  void measure_all(Index task, const Worker& worker, Index best, Label c) {
    typename P::Scratch scratch(points_);
    std::vector<T> out(static_cast<std::size_t>(trials_ * group));
    Index rows[kBlock];
    const Range range = rows_of(task);
    for (Index first = range.begin; first < range.end; first += kBlock) {
      worker.checkpoint();
      const Index end = std::min(range.end, first + kBlock);
      Index alive = end - first;
      if (c == 0) {
        std::iota(rows, rows + alive, first);
      } else {
        alive = survivors(first, end, rows);
      }
      for (Index g = 0; g < alive; g += group) {
        const Index n = std::min(group, alive - g);
        points_.measure(rows + g, n, scratch, out.data());
        for (Index i = 0; i < n; ++i)
          move(rows[g + i], c, out[static_cast<std::size_t>(best * group + i)]);
      }
    }
  }

  void move(Index row, Label c, T dist2) {
    const std::size_t at = static_cast<std::size_t>(row);
    if (!(dist2 < closest_[at])) return;
    closest_[at] = dist2;
    nearest_[at] = c;
  }

  Execution run_;
  Data x_;
  Index k_, trials_;
  bool prune_;
  Index blocks_, tasks_;
  P points_;
  std::vector<T> closest_;      // squared distance to the closest centre
  std::vector<Label> nearest_;  // which one that is
  std::vector<double> block_sum_;
  std::vector<Improved> improved_;
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
