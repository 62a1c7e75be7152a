// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <numeric>

#include "gibbous/ground/transpose.hpp"
#include "gibbous/kmeans/kernels.hpp"
#include "gibbous/kmeans/pass.hpp"

namespace gibbous::kmeans {
namespace {

constexpr Index ceil_to(Index n, Index step) { return (n + step - 1) / step * step; }

// Centers as lanes: tiles of kLanes<T>, feature a of a tile at [a * kLanes<T>].
template <class T>
class CenterLanes {
 public:
  static constexpr int L = kLanes<T>;

  CenterLanes(const T* centers, Index k, Index d)
      : d_(d), tiles_((k + L - 1) / L), lanes_(static_cast<std::size_t>(tiles_ * d * L)) {
    for (Index c = 0; c < tiles_ * L; ++c) {
      const T* from = centers + std::min(c, k - 1) * d;  // padding repeats the last center
      for (Index a = 0; a < d; ++a)
        lanes_[static_cast<std::size_t>((c / L * d + a) * L + c % L)] = from[a];
    }
  }

  Index tiles() const { return tiles_; }

  // Squared distances of one row to N tiles of centers, summed in the order of features.
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

// Ranks rows against centers. If the last iteration stored bounds, a row is compared only with the
// centers that moved far enough since then to have become its closest: centers are sorted by how
// far they moved, and a row uses the shortest of a few prefixes that suffices. The empty prefix is
// Hamerly's test (2010), which a single fast-moving center makes useless for all rows; the longer
// prefixes cover that case.
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
          at(best.size()),
          queue(r.prefixes_.size()) {}
    std::vector<T> xt, best, second;
    std::vector<typename std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>> at;
    std::vector<std::vector<Index>> queue;  // rows to be ranked against each prefix
  };

  DenseRanker(const Rows<T>& x, const T* centers, Index k, const Bounds<T>& bounds = {})
      : x_(x),
        centers_(centers),
        k_(k),
        // several groups share each tile of centers while it is in the L1 cache
        groups_(std::clamp<Index>(32768 / (group * x.d * static_cast<Index>(sizeof(T))), 1, 8)),
        lanes_(centers, k, x.d),
        lower_(bounds.lower),
        order_(static_cast<std::size_t>(k)) {
    std::iota(order_.begin(), order_.end(), Index(0));
    if (lower_) choose_prefixes(bounds.drift);
    prefixes_.push_back({k, T(0)});
    choose_shift();
    pack();
  }

  // Rows with different prefixes fill groups only if many rows are passed at a time.
  Index block() const {
    const Index unit = groups_ * group;
    return unit * std::clamp<Index>(x_.n / (128 * unit), 1, 8);
  }

  void rank(Index first, Index count, Scratch& s, const Label* before, Label* labels,
            T* dist2) const {
    const std::size_t last = prefixes_.size() - 1;
    for (auto& queue : s.queue) queue.clear();
    for (Index i = 0; i < count; ++i) {
      std::size_t prefix = last;
      if (lower_ && before && before[i] >= 0) {
        labels[i] = before[i];
        dist2[i] = distance(first + i, before[i]);
        prefix = shortest_prefix(first + i, before[i], dist2[i]);
        if (prefix == 0 && last > 0) continue;  // label unchanged
      }
      s.queue[prefix].push_back(i);
    }
    for (std::size_t p = 0; p <= last; ++p) {
      std::vector<Index>& queue = s.queue[p];
      // rows that do not fill a group are compared with a longer prefix
      const Index size = static_cast<Index>(queue.size());
      const Index whole = p == last ? size : size / group * group;
      for (Index at = 0; at < whole; at += groups_ * group) {
        const Index some = std::min(groups_ * group, whole - at);
        rank_rows(first, queue.data() + at, some, prefixes_[p].centers, s);
        for (Index j = 0; j < some; ++j) {
          const Index i = queue[static_cast<std::size_t>(at + j)];
          const std::size_t lane = static_cast<std::size_t>(j);
          const Index closest = order_[static_cast<std::size_t>(s.at[lane])];
          const T gap = s.second[lane] - s.best[lane];
          if (p == last)
            decide(first + i, closest, gap, labels[i], dist2[i]);
          else
            decide_bounded(first + i, closest, gap, labels[i], dist2[i]);
        }
      }
      if (p < last) s.queue[p + 1].insert(s.queue[p + 1].end(), queue.begin() + whole, queue.end());
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
  struct Prefix {
    Index centers;  // number of sorted centers in the prefix
    T fall;         // how much closer any other center may have come
  };

  // Sorts the centers by their moves, the farthest first. The first prefix is empty.
  void choose_prefixes(const double* drift) {
    std::stable_sort(order_.begin(), order_.end(),
                     [drift](Index a, Index b) { return drift[a] > drift[b]; });
    const auto fall = [&](Index rank) {
      return static_cast<T>(drift[order_[static_cast<std::size_t>(rank)]] * (1 + 1e-6));
    };
    for (const Index sixteenths : {0, 1, 2, 4, 8, 12}) {
      const Index centers = ceil_to(k_ * sixteenths / 16, R);
      if (centers >= k_ || (!prefixes_.empty() && centers == prefixes_.back().centers)) continue;
      prefixes_.push_back({centers, fall(centers)});
    }
    second_fall_ = k_ > 1 ? fall(1) : T(0);
  }

  // The columnwise median of some centers: robust against a distant center.
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

  // -2 (c - shift) in tiles of R, |c - shift|^2, and the error bound that decides between the fast
  // and the direct form.
  void pack() {
    const Index d = x_.d, padded = ceil_to(k_, R);
    coef_.assign(static_cast<std::size_t>(padded * d), T(0));
    init_.assign(static_cast<std::size_t>(padded), std::numeric_limits<T>::infinity());
    double longest = 0;
    for (Index c = 0; c < k_; ++c) {
      const T* center = centers_ + order_[static_cast<std::size_t>(c)] * d;
      double norm2 = 0;
      for (Index a = 0; a < d; ++a) {
        const T v = center[a] - shift_[static_cast<std::size_t>(a)];
        norm2 += static_cast<double>(v) * static_cast<double>(v);
        coef_[static_cast<std::size_t>(c / R * R * d + a * R + c % R)] = T(-2) * v;
      }
      init_[static_cast<std::size_t>(c)] = static_cast<T>(norm2);
      longest = std::max(longest, norm2);
    }
    // Each of d + 2 roundings has magnitude |c|^2 + 2 |x| |c| at most, |x| <= |c| + |x - c|; they
    // add up like a random walk, and six standard deviations of two of them are below this.
    const double roundings = 2.5 * std::sqrt(static_cast<double>(d)) + 8;
    slack_ = static_cast<T>(roundings * static_cast<double>(std::numeric_limits<T>::epsilon()));
    reach_ = static_cast<T>(4 * longest);
  }

  GIBBOUS_INLINE void rank_tile(Index c, Index g, Scratch& s) const {
    Vec<T> acc[R][3];
    linear_panel<T, R>(init_.data() + c, coef_.data() + c * x_.d, x_.d,
                       s.xt.data() + g * group * x_.d, acc);
    using I = typename decltype(s.at)::value_type;
    GIBBOUS_UNROLL
    for (int v = 0; v < 3; ++v) {
      T* bp = s.best.data() + g * group + v * L;
      T* sp = s.second.data() + g * group + v * L;
      I* ip = s.at.data() + g * group + v * L;
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

  // The closest two of a prefix of the sorted centers, for rows of a block.
  void rank_rows(Index first, const Index* rows, Index count, Index centers, Scratch& s) const {
    const Index d = x_.d, groups = (count + group - 1) / group;
    for (Index g = 0; g < groups; ++g) {
      const Index* own = rows + g * group;
      load_rows([&](Index i) { return x_.row(first + own[i]); }, std::min(group, count - g * group),
                d, shift_.data(), s.xt.data() + g * group * d);
    }
    std::fill_n(s.best.begin(), groups * group, std::numeric_limits<T>::infinity());
    std::fill_n(s.second.begin(), groups * group, std::numeric_limits<T>::infinity());
    std::fill_n(s.at.begin(), groups * group, 0);
    for (Index c = 0; c < centers; c += R)
      for (Index g = 0; g < groups; ++g) rank_tile(c, g, s);
  }

  GIBBOUS_INLINE T distance(Index row, Index center) const {
    return distance2(x_.row(row), centers_ + center * x_.d, x_.d);
  }

  // The first prefix such that no center outside of it can have become closer than the row's own,
  // whose squared distance is `own`, by more than rounding. Lowers the bound to what holds for all
  // centers outside of the prefix.
  GIBBOUS_INLINE std::size_t shortest_prefix(Index row, Label before, T own) const {
    std::size_t p = 0;
    for (; p + 1 < prefixes_.size(); ++p) {
      const bool own_moved_most = p == 0 && before == order_[0];
      const T fall = own_moved_most ? second_fall_ : prefixes_[p].fall;
      const T bound = (lower_[row] - fall) * below;
      if (bound > T(0) && own * margin_ < bound * bound) {
        lower_[row] = bound;
        break;
      }
    }
    return p;
  }

  // The label of a row that was compared with all centers. The squared distance of the runner-up
  // exceeds that of the closest center by the gap.
  void decide(Index row, Index closest, T gap, Label& label, T& dist2) const {
    label = static_cast<Label>(closest);
    dist2 = distance(row, closest);
    const T unsure = slack_ * (dist2 + reach_);
    const bool clear = gap > unsure;
    if (lower_) lower_[row] = clear ? std::sqrt(dist2 + (gap - unsure)) * below : T(0);
    if (!clear) rank_directly(row, label, dist2);
  }

  // The same for a row that was compared with a prefix. The centers outside of it are farther away
  // than the row's last center, given by `label` and `dist2`, and than the bound.
  void decide_bounded(Index row, Index closest, T gap, Label& label, T& dist2) const {
    const T own = dist2, other = closest == label ? own : distance(row, closest);
    const T unsure = slack_ * (std::max(own, other) + reach_);
    bool clear = gap > unsure;
    T next = own - unsure;  // at least the squared distance of the next center
    if (closest == label) {
      next = own + (gap - unsure);
    } else if (other + unsure < own) {
      next = std::min(next, other + (gap - unsure));
      label = static_cast<Label>(closest);
      dist2 = other;
    } else {
      clear = own + unsure < other;
      next = other - unsure;
    }
    lower_[row] = clear ? std::min(lower_[row], std::sqrt(next) * below) : T(0);
    if (!clear) rank_directly(row, label, dist2);
  }

  // All centers by direct differences; ties go to the lowest index.
  void rank_directly(Index row, Label& label, T& dist2) const {
    Vec<T> best = splat(std::numeric_limits<T>::infinity());
    Bits<T> at{};
    lanes_.each(x_.row(row), [&](Index tile, const Vec<T>& value) {
      const Bits<T> closer = value < best;
      best = closer ? value : best;
      at = closer
               ? static_cast<std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>>(tile) -
                     Bits<T>{}
               : at;
    });
    Index winner = k_;
    T least = 0;
    for (int l = 0; l < L; ++l) {
      const Index c = static_cast<Index>(at[l]) * L + l;
      if (c < k_ && (winner == k_ || best[l] < least || (best[l] == least && c < winner))) {
        winner = c;
        least = best[l];
      }
    }
    label = static_cast<Label>(winner);
    dist2 = distance(row, winner);  // rounded in the same way as for unambiguous rows
  }

  Rows<T> x_;
  const T* centers_;
  Index k_, groups_;
  CenterLanes<T> lanes_;
  T* lower_;
  std::vector<Index> order_;      // centers, sorted by their moves if there are bounds
  std::vector<Prefix> prefixes_;  // the last one contains all centers
  T second_fall_ = 0;             // how much closer others came than the farthest-moving center
  std::vector<T> shift_, coef_, init_;
  T slack_ = 0, reach_ = 0;
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
  // per task: the count, the mean and the sum of squares about it, for all columns
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
