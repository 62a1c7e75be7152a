// SPDX-License-Identifier: Apache-2.0
#include "gibbous/kmeans.hpp"

#include <limits>

#include "gibbous/kmeans_pass.hpp"
#include "gibbous/transpose.hpp"

namespace gibbous::kmeans {
namespace {

constexpr Index ceil_to(Index n, Index step) { return (n + step - 1) / step * step; }

// Centres with lanes = centres: tiles of kLanes<T>, feature a of a tile at [a * kLanes<T>].
template <class T>
class CenterLanes {
 public:
  static constexpr int L = kLanes<T>;

  CenterLanes(const T* centers, Index k, Index d)
      : d_(d), tiles_((k + L - 1) / L), lanes_(static_cast<std::size_t>(tiles_ * d * L)) {
    for (Index c = 0; c < tiles_ * L; ++c) {
      const T* from = centers + std::min(c, k - 1) * d;  // padding repeats the last centre
      for (Index a = 0; a < d; ++a)
        lanes_[static_cast<std::size_t>((c / L * d + a) * L + c % L)] = from[a];
    }
  }

  Index tiles() const { return tiles_; }

  // Squared distances of one row to N tiles of centres, features in order.
  template <int N>
  GIBBOUS_INLINE void direct(const T* x, Index tile, Vec<T> (&acc)[N]) const {
    const T* c = lanes_.data() + tile * d_ * L;
    GIBBOUS_UNROLL
    for (int t = 0; t < N; ++t) acc[t] = Vec<T>{};
    for (Index a = 0; a < d_; ++a) GIBBOUS_UNROLL
    for (int t = 0; t < N; ++t) {
      const Vec<T> diff = x[a] - load(c + (t * d_ + a) * L);
      acc[t] += diff * diff;
    }
  }

  // Calls use(tile, distances) for every tile.
  template <class Use>
  void each(const T* x, Use&& use) const {
    Index tile = 0;
    for (; tile + 4 <= tiles_; tile += 4) {
      Vec<T> acc[4];
      direct(x, tile, acc);
      GIBBOUS_UNROLL
      for (int t = 0; t < 4; ++t) use(tile + t, acc[t]);
    }
    for (; tile < tiles_; ++tile) {
      Vec<T> acc[1];
      direct(x, tile, acc);
      use(tile, acc[0]);
    }
  }

 private:
  Index d_, tiles_;
  std::vector<T> lanes_;
};

template <class T>
class DenseRanker {
 public:
  using Scalar = T;
  static constexpr int R = Group<T>::outputs;
  static constexpr int L = kLanes<T>;
  static constexpr Index group = Group<T>::rows;
  static constexpr T below = 1 - 4 * std::numeric_limits<T>::epsilon();  // rounds bounds down

  struct Scratch {
    explicit Scratch(const DenseRanker& r)
        : xt(static_cast<std::size_t>(r.groups_ * group * r.x_.d)),
          best(static_cast<std::size_t>(r.groups_ * group)),
          second(best.size()),
          index(best.size()),
          rows(best.size()) {}
    std::vector<T> xt, best, second;
    std::vector<typename std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>> index;
    std::vector<Index> rows;  // the rows of the block that have to be ranked
  };

  DenseRanker(const Rows<T>& x, const T* centers, Index k)
      : x_(x),
        centers_(centers),
        k_(k),
        // several groups share each tile of centres while it is in the first-level cache
        groups_(std::clamp<Index>(32768 / (group * x.d * static_cast<Index>(sizeof(T))), 1, 8)),
        lanes_(centers, k, x.d) {
    choose_shift();
    pack();
  }

  Index block() const { return groups_ * group; }

  void use(const Bounds<T>& bounds) {
    if (!bounds.lower) return;
    lower_ = bounds.lower;
    Index most = 0;  // the centre that moved farthest, and how far any other one moved
    double next = 0;
    for (Index c = 1; c < k_; ++c) {
      if (bounds.drift[c] > bounds.drift[most]) {
        next = bounds.drift[most];
        most = c;
      } else {
        next = std::max(next, bounds.drift[c]);
      }
    }
    fall_.assign(static_cast<std::size_t>(k_), static_cast<T>(bounds.drift[most] * (1 + 1e-6)));
    fall_[static_cast<std::size_t>(most)] = static_cast<T>(next * (1 + 1e-6));
  }

  void rank(Index first, Index count, Scratch& s, const Label* before, Label* labels,
            T* dist2) const {
    const Index d = x_.d;
    const bool bounded = lower_ && before;
    Index todo = 0;
    for (Index i = 0; i < count; ++i)
      if (!bounded || !settled(first + i, before[i], labels[i], dist2[i]))
        s.rows[static_cast<std::size_t>(todo++)] = first + i;
    const Index groups = (todo + group - 1) / group;
    for (Index g = 0; g < groups; ++g) {
      const Index* rows = s.rows.data() + g * group;
      load_rows([&](Index i) { return x_.row(rows[i]); }, std::min(group, todo - g * group), d,
                shift_.data(), s.xt.data() + g * group * d);
    }
    std::fill_n(s.best.begin(), groups * group, std::numeric_limits<T>::infinity());
    std::fill_n(s.second.begin(), groups * group, std::numeric_limits<T>::infinity());
    std::fill_n(s.index.begin(), groups * group, 0);
    for (Index c = 0; c < k_; c += R)
      for (Index g = 0; g < groups; ++g) rank_tile(c, g, s);
    for (Index j = 0; j < todo; ++j) {
      const std::size_t at = static_cast<std::size_t>(j);
      const Index row = s.rows[at];
      Label label = static_cast<Label>(s.index[at]);
      const T* x = x_.row(row);
      T far = distance2(x, centers_ + label * d, d);
      const T unsure = slack_ * (far + reach_), gap = s.second[at] - s.best[at];
      const bool clear = gap > unsure;
      if (!clear) rank_directly(x, label, far);
      // the runner-up's squared distance is larger by the gap
      if (bounded) lower_[row] = clear ? std::sqrt(far + (gap - unsure)) * below : T(0);
      labels[row - first] = label;
      dist2[row - first] = far;
    }
  }

  GIBBOUS_INLINE void add(Index i, double w, double* sum) const {
    const T* x = x_.row(i);
    Index a = 0;
    if (w == 1.0) {
      for (; a + L <= x_.d; a += L) add_widened<T>(sum + a, load(x + a));
      for (; a < x_.d; ++a) sum[a] += static_cast<double>(x[a]);
    } else {
      for (; a < x_.d; ++a) sum[a] += w * static_cast<double>(x[a]);
    }
  }

 private:
  // The median of some centres, by columns: within the cloud even where one centre is far out.
  void choose_shift() {
    const Index some = std::min<Index>(k_, 33);
    shift_.resize(static_cast<std::size_t>(x_.d));
    std::vector<T> column(static_cast<std::size_t>(some));
    for (Index a = 0; a < x_.d; ++a) {
      for (Index j = 0; j < some; ++j)
        column[static_cast<std::size_t>(j)] = centers_[j * k_ / some * x_.d + a];
      std::nth_element(column.begin(), column.begin() + some / 2, column.end());
      shift_[static_cast<std::size_t>(a)] = column[static_cast<std::size_t>(some / 2)];
    }
  }

  // -2 (c - shift) in tiles of R, |c - shift|^2, and the bound that decides between fast and
  // direct.
  void pack() {
    const Index d = x_.d, padded = ceil_to(k_, R);
    coef_.assign(static_cast<std::size_t>(padded * d), T(0));
    init_.assign(static_cast<std::size_t>(padded), std::numeric_limits<T>::infinity());
    double longest = 0;
    for (Index c = 0; c < k_; ++c) {
      double norm2 = 0;
      for (Index a = 0; a < d; ++a) {
        const T v = centers_[c * d + a] - shift_[static_cast<std::size_t>(a)];
        norm2 += static_cast<double>(v) * static_cast<double>(v);
        coef_[static_cast<std::size_t>(c / R * R * d + a * R + c % R)] = T(-2) * v;
      }
      init_[static_cast<std::size_t>(c)] = static_cast<T>(norm2);
      longest = std::max(longest, norm2);
    }
    // Each of d + 2 roundings of size |c|^2 + 2 |x| |c| at most, |x| <= |c| + |x - c|; they add up
    // like a random walk, and six standard deviations of two of them are below this.
    const double roundings = 2.5 * std::sqrt(static_cast<double>(d)) + 8;
    slack_ = static_cast<T>(roundings * static_cast<double>(std::numeric_limits<T>::epsilon()));
    reach_ = static_cast<T>(4 * longest);
  }

  GIBBOUS_INLINE void rank_tile(Index c, Index g, Scratch& s) const {
    Vec<T> acc[R][3];
    linear_panel<T, R>(init_.data() + c, coef_.data() + c * x_.d, x_.d,
                       s.xt.data() + g * group * x_.d, acc);
    using I = typename decltype(s.index)::value_type;
    GIBBOUS_UNROLL
    for (int v = 0; v < 3; ++v) {
      T* bp = s.best.data() + g * group + v * L;
      T* sp = s.second.data() + g * group + v * L;
      I* ip = s.index.data() + g * group + v * L;
      Vec<T> best = load(bp), second = load(sp);
      Bits<T> index;
      std::memcpy(&index, ip, sizeof index);
      GIBBOUS_UNROLL
      for (int r = 0; r < R; ++r) {
        const Vec<T> value = acc[r][v];
        const Bits<T> closer = value < best;
        const Vec<T> loser = closer ? best : value;
        second = loser < second ? loser : second;
        best = closer ? value : best;
        const Bits<T> here = static_cast<I>(c + r) - Bits<T>{};
        index = closer ? here : index;
      }
      store(bp, best);
      store(sp, second);
      std::memcpy(ip, &index, sizeof index);
    }
  }

  // Whether the bound shows that the row's label is what it was, beyond what rounding could change.
  GIBBOUS_INLINE bool settled(Index row, Label before, Label& label, T& dist2) const {
    if (before < 0) return false;
    const T bound = (lower_[row] - fall_[static_cast<std::size_t>(before)]) * below;
    lower_[row] = bound;
    if (!(bound > T(0))) return false;
    label = before;
    dist2 = distance2(x_.row(row), centers_ + before * x_.d, x_.d);
    return dist2 * margin_ < bound * bound;
  }

  void rank_directly(const T* row, Label& label, T& dist2) const {
    Vec<T> best = splat(std::numeric_limits<T>::infinity());
    Bits<T> at{};
    lanes_.each(row, [&](Index tile, const Vec<T>& value) {
      const Bits<T> closer = value < best;
      best = closer ? value : best;
      at = closer
               ? static_cast<std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>>(tile) -
                     Bits<T>{}
               : at;
    });
    Index winner = k_;
    for (int l = 0; l < L; ++l) {
      const Index c = static_cast<Index>(at[l]) * L + l;
      if (c < k_ && (winner == k_ || best[l] < dist2 || (best[l] == dist2 && c < winner))) {
        winner = c;
        dist2 = best[l];
      }
    }
    label = static_cast<Label>(winner);
  }

  Rows<T> x_;
  const T* centers_;
  Index k_, groups_;
  CenterLanes<T> lanes_;
  std::vector<T> shift_, coef_, init_;
  T slack_ = 0, reach_ = 0;
  T* lower_ = nullptr;
  std::vector<T> fall_;  // how far other centres than a row's own may have come closer
  T margin_ = 1 + static_cast<T>(2 * x_.d + 32) * std::numeric_limits<T>::epsilon();
};

}  // namespace

template <class Data, class T>
Step lloyd_step(const Execution& run, const Data& x, const T* centers, Index k, Label* labels,
                T* new_centers, const Bounds<T>& bounds) {
  return step<DenseRanker<T>>(run, x, centers, k, labels, new_centers, bounds);
}

template <class Data, class T>
double assign(const Execution& run, const Data& x, const T* centers, Index k, Label* labels) {
  return pass(run, DenseRanker<T>(x, centers, k), x, k, labels, nullptr).inertia;
}

template <class Data, class T>
double minibatch_step(const Execution& run, const Data& x, T* centers, Index k, double* counts,
                      Label* labels) {
  return minibatch<DenseRanker<T>>(run, x, centers, k, counts, labels);
}

template <class Data, class T>
void distances(const Execution& run, const Data& x, const T* centers, Index k, T* out) {
  constexpr int L = kLanes<T>;
  const CenterLanes<T> lanes(centers, k, x.d);
  const Index tasks = slots(x.n, 512);
  const Execution some =
      fit_threads(run, static_cast<double>(x.n) * static_cast<double>(k * (x.d + 4)));
  parallel_tasks(some, tasks, [&](Index task, const Worker& worker) {
    const Range rows = slot_range(x.n, tasks, task);
    for (Index i = rows.begin; i < rows.end; ++i) {
      if (i % 64 == 0) worker.checkpoint();
      T* to = out + i * k;
      lanes.each(x.row(i), [&](Index tile, const Vec<T>& value) {
        const Index first = tile * L, count = std::min<Index>(L, k - first);
        for (Index l = 0; l < count; ++l) to[first + l] = std::sqrt(value[static_cast<int>(l)]);
      });
    }
  });
}

template <class T>
double mean_variance(const Execution& run, const Rows<T>& x) {
  const Index d = x.d, tasks = slots(x.n, 512), block = 256;
  const std::size_t width = static_cast<std::size_t>(d);
  // per task: the count, the mean and the sum of squares about it, columns side by side
  std::vector<double> mean(static_cast<std::size_t>(tasks) * width), square(mean.size());
  std::vector<double> seen(static_cast<std::size_t>(tasks));
  const auto merge = [d](double* m, double* s, double& n, const double* m2, const double* s2,
                         double n2) {  // Chan, Golub and LeVeque 1983
    const double all = n + n2;
    if (all == 0) return;
    for (Index a = 0; a < d; ++a) {
      const double diff = m2[a] - m[a];
      m[a] += diff * (n2 / all);
      s[a] += s2[a] + diff * diff * (n * n2 / all);
    }
    n = all;
  };
  const Execution some = fit_threads(run, static_cast<double>(x.n * d));
  parallel_tasks(some, tasks, [&](Index task, const Worker& worker) {
    std::vector<double> m(width), s(width);
    const Range rows = slot_range(x.n, tasks, task);
    for (Index first = rows.begin; first < rows.end; first += block) {
      worker.checkpoint();
      const Index end = std::min(rows.end, first + block);
      const double count = static_cast<double>(end - first);
      std::fill(m.begin(), m.end(), 0.0);
      std::fill(s.begin(), s.end(), 0.0);
      for (Index i = first; i < end; ++i)
        for (Index a = 0; a < d; ++a)
          m[static_cast<std::size_t>(a)] += static_cast<double>(x.row(i)[a]);
      for (double& v : m) v /= count;
      for (Index i = first; i < end; ++i)
        for (Index a = 0; a < d; ++a) {
          const double diff = static_cast<double>(x.row(i)[a]) - m[static_cast<std::size_t>(a)];
          s[static_cast<std::size_t>(a)] += diff * diff;
        }
      merge(mean.data() + task * d, square.data() + task * d, seen[static_cast<std::size_t>(task)],
            m.data(), s.data(), count);
    }
  });
  for (Index t = 1; t < tasks; ++t)
    merge(mean.data(), square.data(), seen[0], mean.data() + t * d, square.data() + t * d,
          seen[static_cast<std::size_t>(t)]);
  double total = 0;
  for (Index a = 0; a < d; ++a) total += square[static_cast<std::size_t>(a)];
  return total / static_cast<double>(x.n) / static_cast<double>(d);
}

#define GIBBOUS_KMEANS_DENSE(T)                                                                 \
  template Step lloyd_step(const Execution&, const Rows<T>&, const T*, Index, Label*, T*,       \
                           const Bounds<T>&);                                                   \
  template double assign(const Execution&, const Rows<T>&, const T*, Index, Label*);            \
  template double minibatch_step(const Execution&, const Rows<T>&, T*, Index, double*, Label*); \
  template void distances(const Execution&, const Rows<T>&, const T*, Index, T*);               \
  template double mean_variance(const Execution&, const Rows<T>&);
GIBBOUS_KMEANS_DENSE(float)
GIBBOUS_KMEANS_DENSE(double)

}  // namespace gibbous::kmeans
