// SPDX-License-Identifier: Apache-2.0
// The pass over the rows that dense and sparse K-means share: labels, sums and new centers.
//
// A Ranker finds the closest centers of consecutive rows. It has
//   Scratch                     workspace of one task
//   block()                     rows per call of rank
//   rank(first, count, scratch, before, labels, dist2)
//                               OUT labels and squared distances to these centers; `before` holds
//                               the labels of the last iteration, -1 for none yet, or is null
//   add(row, weight, sum)       sum += weight * x_row, d doubles
#pragma once
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "gibbous/ground/simd.hpp"
#include "gibbous/kmeans/kernels.hpp"

namespace gibbous::kmeans {

// |x - c|^2 with features as lanes; the lanes are added in order.
template <class T>
GIBBOUS_INLINE T distance2(const T* x, const T* c, Index d) {
  constexpr int L = kLanes<T>;
  Vec<T> p{}, q{};
  Index a = 0;
  for (; a + 2 * L <= d; a += 2 * L) {
    const Vec<T> s = load(x + a) - load(c + a), t = load(x + a + L) - load(c + a + L);
    p += s * s;
    q += t * t;
  }
  T rest = 0;
  if (a + L <= d) {
    const Vec<T> s = load(x + a) - load(c + a);
    p += s * s;
    a += L;
  }
  for (; a < d; ++a) rest += (x[a] - c[a]) * (x[a] - c[a]);
  return d >= L ? lane_sum<T>(p + q) + rest : rest;
}

struct Totals {
  double inertia = 0;
  Index changed = 0;
};

template <class T>
double bytes_of(const Rows<T>& x) {
  return static_cast<double>(x.n * x.d) * sizeof(T);
}
template <class T, class I>
double bytes_of(const Csr<T, I>& x) {
  return static_cast<double>(x.indptr[x.n]) * (sizeof(T) + sizeof(I));
}

// Multiply-adds for ranking all rows.
template <class T>
double work_of(const Rows<T>& x, Index k) {
  return static_cast<double>(x.n) * static_cast<double>(k * (x.d + 4));
}
template <class T, class I>
double work_of(const Csr<T, I>& x, Index k) {
  return static_cast<double>(k) * static_cast<double>(x.indptr[x.n] + 4 * x.n);
}

// How many partial sums of k (d + 1) doubles fit the budget: 32 MB or half of the data.
template <class Data>
Index room_for_sums(const Data& x, Index k) {
  const double room = std::max(32e6, 0.5 * bytes_of(x));
  return static_cast<Index>(room / (8.0 * static_cast<double>(k) * static_cast<double>(x.d + 1)));
}

template <class Ranker, class Data>
GIBBOUS_INLINE void add_row(const Ranker& ranker, const Data& x, Index i, double* sum) {
  const double w = x.w(i);
  if (!(w > 0)) return;
  ranker.add(i, w, sum);
  sum[x.d] += w;
}

// Labels, inertia and, if `partial` is given, sums of the rows of one task.
template <class Ranker, class Data>
Totals rank_range(const Ranker& ranker, const Data& x, Range rows, const Worker& worker,
                  Label* labels, double* partial) {
  const Index block = ranker.block();
  typename Ranker::Scratch scratch(ranker);
  std::vector<Label> fresh(static_cast<std::size_t>(block));
  std::vector<typename Ranker::Scalar> dist2(static_cast<std::size_t>(block));
  Totals total;
  for (Index first = rows.begin; first < rows.end; first += block) {
    const Index count = std::min(block, rows.end - first);
    worker.checkpoint();
    ranker.rank(first, count, scratch, labels + first, fresh.data(), dist2.data());
    for (Index i = 0; i < count; ++i) {
      const Label l = fresh[static_cast<std::size_t>(i)];
      total.inertia += static_cast<double>(x.w(first + i)) *
                       static_cast<double>(dist2[static_cast<std::size_t>(i)]);
      total.changed += labels[first + i] != l;
      labels[first + i] = l;
      if (partial) add_row(ranker, x, first + i, partial + l * (x.d + 1));
    }
  }
  return total;
}

// Sums if copies of them do not fit: every cluster has one owner, which reads all labels and adds
// its own rows in order.
template <class Ranker, class Data>
void owned_sums(const Execution& run, const Ranker& ranker, const Data& x, Index k,
                const Label* labels, double* sums) {
  const Index tasks = std::min<Index>(k, 32);
  parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
    const Range own = slot_range(k, tasks, task);
    for (Index i = 0; i < x.n; ++i) {
      if (i % 1024 == 0) worker.checkpoint();
      if (labels[i] >= own.begin && labels[i] < own.end)
        add_row(ranker, x, i, sums + labels[i] * (x.d + 1));
    }
  });
}

// Ranks all rows. sums INOUT (k, d + 1) or null: weighted sums of each cluster's rows, followed by
// the cluster's weight.
template <class Ranker, class Data>
Totals pass(const Execution& run, const Ranker& ranker, const Data& x, Index k, Label* labels,
            double* sums) {
  const Execution some = fit_threads(run, work_of(x, k));
  Index tasks = slots(x.n, 512);
  const Index room = sums ? room_for_sums(x, k) : tasks;
  const bool owned = room < std::min<Index>(tasks, 8);
  if (!owned) tasks = std::min(tasks, room);
  std::vector<Totals> totals(static_cast<std::size_t>(tasks));
  const auto body = [&](Index task, const Worker& worker, double* partial) {
    totals[static_cast<std::size_t>(task)] = rank_range(
        ranker, x, slot_range(x.n, tasks, task, ranker.block()), worker, labels, partial);
  };
  if (sums && !owned) {
    parallel_sum(some, tasks, k * (x.d + 1), sums, body);
  } else {
    parallel_tasks(some, tasks, [&](Index t, const Worker& w) { body(t, w, nullptr); });
    if (sums) owned_sums(some, ranker, x, k, labels, sums);
  }
  Totals all;
  for (const Totals& t : totals) {
    all.inertia += t.inertia;
    all.changed += t.changed;
  }
  if (!std::isfinite(all.inertia))
    throw std::invalid_argument(
        "X and the centers are so far apart that squared distances overflow; scale X, or use "
        "float64");
  return all;
}

// Moves the rows farthest from their centers into the clusters without weight: rows with weight and
// a positive distance, farthest first; ties go to the lowest row.
template <class Ranker, class Data>
std::vector<Label> relocate(const Execution& run, const Ranker& ranker, const Data& x, Index k,
                            const Label* labels, double* sums) {
  const Index width = x.d + 1;
  std::vector<Label> empty;
  for (Index c = 0; c < k; ++c)
    if (!(sums[c * width + x.d] > 0)) empty.push_back(static_cast<Label>(c));
  if (empty.empty()) return empty;
  using T = typename Ranker::Scalar;
  const Index block = ranker.block(), tasks = slots(x.n, 512);
  std::vector<T> far(static_cast<std::size_t>(x.n));
  parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
    typename Ranker::Scratch scratch(ranker);
    std::vector<Label> fresh(static_cast<std::size_t>(block));
    const Range rows = slot_range(x.n, tasks, task, block);
    for (Index first = rows.begin; first < rows.end; first += block) {
      worker.checkpoint();
      ranker.rank(first, std::min(block, rows.end - first), scratch, nullptr, fresh.data(),
                  far.data() + first);
    }
  });
  std::vector<Index> order;
  for (Index i = 0; i < x.n; ++i)
    if (x.w(i) > 0 && far[static_cast<std::size_t>(i)] > 0) order.push_back(i);
  const std::size_t moves = std::min(empty.size(), order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<Index>(moves), order.end(),
                    [&](Index a, Index b) {
                      const T p = far[static_cast<std::size_t>(a)];
                      const T q = far[static_cast<std::size_t>(b)];
                      return p > q || (p == q && a < b);
                    });
  empty.resize(moves);
  for (std::size_t m = 0; m < moves; ++m) {
    const Index i = order[m];
    const double w = x.w(i);
    double* from = sums + labels[i] * width;
    double* to = sums + empty[m] * width;
    ranker.add(i, -w, from);
    const double left = from[x.d] - w;
    from[x.d] = left > 1e-9 * from[x.d] ? left : 0.0;  // smaller values are rounding errors
    ranker.add(i, w, to);
    to[x.d] = w;
  }
  return empty;
}

// centers OUT (k, d): the means; clusters that are still empty take the center of the heaviest one.
// Returns the sum of the squared moves from `old`. drift OUT (k,) or null: the lengths of the
// moves.
template <class T>
double means(const double* sums, Index k, Index d, const T* old, T* centers, double* drift) {
  const Index width = d + 1;
  Index heaviest = 0;
  for (Index c = 1; c < k; ++c)
    if (sums[c * width + d] > sums[heaviest * width + d]) heaviest = c;
  double shift = 0;
  for (Index c = 0; c < k; ++c) {
    const Index from = sums[c * width + d] > 0 ? c : heaviest;
    const double* sum = sums + from * width;
    double moved = 0;
    for (Index a = 0; a < d; ++a) {
      const T mean = static_cast<T>(sum[a] / sum[d]);
      const double move = static_cast<double>(mean) - static_cast<double>(old[c * d + a]);
      centers[c * d + a] = mean;
      moved += move * move;
    }
    shift += moved;
    if (drift) drift[c] = std::sqrt(moved) * (1 + 1e-6);
  }
  return shift;
}

template <class Ranker, class Data, class T>
Step step(const Execution& run, const Data& x, const T* centers, Index k, Label* labels,
          T* new_centers, const Bounds<T>& bounds) {
  std::vector<double> sums(static_cast<std::size_t>(k * (x.d + 1)), 0.0);
  const Ranker ranker(x, centers, k, bounds);
  const Totals t = pass(run, ranker, x, k, labels, sums.data());
  Step out{t.inertia, t.changed, 0.0, relocate(run, ranker, x, k, labels, sums.data())};
  out.shift = means(sums.data(), k, x.d, centers, new_centers, bounds.drift);
  return out;
}

template <class Ranker, class Data, class T>
double minibatch(const Execution& run, const Data& x, T* centers, Index k, double* counts,
                 Label* labels) {
  std::vector<double> sums(static_cast<std::size_t>(k * (x.d + 1)), 0.0);
  const Ranker ranker(x, centers, k);
  const Totals t = pass(run, ranker, x, k, labels, sums.data());
  for (Index c = 0; c < k; ++c) {
    const double* sum = sums.data() + c * (x.d + 1);
    const double total = counts[c] + sum[x.d];
    if (!(sum[x.d] > 0)) continue;
    for (Index a = 0; a < x.d; ++a)
      centers[c * x.d + a] =
          static_cast<T>((static_cast<double>(centers[c * x.d + a]) * counts[c] + sum[a]) / total);
    counts[c] = total;
  }
  return t.inertia;
}

}  // namespace gibbous::kmeans
