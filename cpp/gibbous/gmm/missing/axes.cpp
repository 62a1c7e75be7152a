// SPDX-License-Identifier: Apache-2.0
#include "gibbous/gmm/missing/axes.hpp"

#include <memory>

#include "gibbous/gmm/missing/passes.hpp"
#include "gibbous/gmm/missing/row.hpp"

namespace gibbous::gmm::missing {

namespace {

// Runs body(block, begin, task, worker) for every block of rows, with its densities computed.
template <class T, class Body>
void each_block(const Rows<T>& rows, const Axes<T>& axes, const Execution& run, Body&& body) {
  const Index tasks = axes_tasks(rows, axes), groups = axes_groups(axes);
  const Index step = groups * Group<T>::rows;
  std::vector<std::unique_ptr<AxesBlock<T>>> pool(
      static_cast<std::size_t>(std::max(run.threads, 1)));
  parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
    auto& block = pool[static_cast<std::size_t>(worker.index())];
    if (!block) block = std::make_unique<AxesBlock<T>>(groups, axes);
    const Range range = slot_range(rows.n, tasks, task, step);
    for (Index begin = range.begin; begin < range.end; begin += step) {
      worker.checkpoint();
      block->read(rows, begin, std::min(begin + step, range.end));
      axes.densities(*block);
      body(*block, begin, task);
    }
  });
}

// The interface that RowWriter requires.
template <class T>
struct Given {
  const Axes<T>& axes;
  const AxesBlock<T>& block;
  const std::vector<Index>& missing;
  Index row;

  double r(Index c) const { return static_cast<double>(block.responsibility(row, c)); }
  double mean(Index c, Index a) const { return axes.mean(c, a); }
  double spread(Index c, Index i, Index j) const {
    return i == j ? axes.variance(c, missing[static_cast<std::size_t>(i)]) : 0.0;
  }
  void draw(Index c, const double* z, double* out) const {
    for (std::size_t j = 0; j < missing.size(); ++j)
      out[j] = std::sqrt(axes.variance(c, missing[j])) * z[j];
  }
};

}  // namespace

template <class T>
double accumulate_axes(const Rows<T>& rows, const Joint<T>& joint, const T* about,
                       const Execution& run, const Statistics& out) {
  const Axes<T> axes(joint, about);
  const Index k = joint.k, d = joint.d, moments = second_moments(joint.type, k, d, false);
  const Index size = 1 + k * (1 + d) + moments, tasks = axes_tasks(rows, axes);
  const Index width = detail::round_up(d, kLanes<T>);
  // sums belong to tasks, not to threads, so that results do not depend on scheduling
  std::vector<std::unique_ptr<AxesSums<T>>> sums(static_cast<std::size_t>(tasks));
  std::vector<double> log_prob(static_cast<std::size_t>(tasks), 0.0);
  each_block(rows, axes, run, [&](AxesBlock<T>& block, Index begin, Index task) {
    auto& own = sums[static_cast<std::size_t>(task)];
    if (!own) own = std::make_unique<AxesSums<T>>(axes, width);
    log_prob[static_cast<std::size_t>(task)] += block.normalize(rows, begin);
    own->add(block);
  });
  std::vector<double> all(static_cast<std::size_t>(size - 1), 0.0);
  double total = 0;
  for (Index t = 0; t < tasks; ++t) {
    total += log_prob[static_cast<std::size_t>(t)];
    if (const auto& own = sums[static_cast<std::size_t>(t)])
      own->add_to(all.data(), all.data() + k, all.data() + k * (1 + d));
  }
  std::copy_n(all.data(), k, out.nk);
  std::copy_n(all.data() + k, k * d, out.s1);
  std::copy_n(all.data() + k * (1 + d), moments, out.s2);
  return total;
}

template <class T>
void posterior_axes(const Rows<T>& rows, const Joint<T>& joint, const Execution& run,
                    const Posterior<T>& out) {
  const Axes<T> axes(joint, nullptr);
  const Rows<T> plain{rows.x, rows.n, rows.d, nullptr};
  each_block(rows, axes, run, [&](AxesBlock<T>& block, Index begin, Index) {
    if (out.labels)
      for (Index i = 0; i < block.count; ++i) {
        Index best = 0;
        for (Index c = 1; c < axes.k(); ++c)
          if (block.responsibility(i, c) > block.responsibility(i, best)) best = c;
        const bool alive = block.responsibility(i, best) >= std::numeric_limits<T>::lowest();
        out.labels[begin + i] = alive ? best : -1;
      }
    if (!out.log_prob && !out.responsibilities) return;
    block.normalize(plain, begin);
    if (out.log_prob) std::copy_n(block.log_prob.data(), block.count, out.log_prob + begin);
    if (out.responsibilities)
      for (Index i = 0; i < block.count; ++i)
        for (Index c = 0; c < axes.k(); ++c)
          out.responsibilities[(begin + i) * axes.k() + c] = block.responsibility(i, c);
  });
}

template <class T>
void complete_axes(const Rows<T>& rows, const Joint<T>& joint, const Execution& run,
                   const Completion<T>& out) {
  const Axes<T> axes(joint, nullptr);
  const Rows<T> plain{rows.x, rows.n, rows.d, nullptr};
  each_block(rows, axes, run, [&](AxesBlock<T>& block, Index begin, Index) {
    block.normalize(plain, begin);
    RowWriter<T> writer(out, axes.k(), axes.d());
    std::vector<Index> missing;
    for (Index i = 0; i < block.count; ++i) {
      const T* x = rows.row(begin + i);
      missing.clear();
      for (Index a = 0; a < axes.d(); ++a)
        if (std::isnan(x[a])) missing.push_back(a);
      writer.write(begin + i, x, missing, Given<T>{axes, block, missing, i});
    }
  });
}

template double accumulate_axes(const Rows<float>&, const Joint<float>&, const float*,
                                const Execution&, const Statistics&);
template double accumulate_axes(const Rows<double>&, const Joint<double>&, const double*,
                                const Execution&, const Statistics&);
template void posterior_axes(const Rows<float>&, const Joint<float>&, const Execution&,
                             const Posterior<float>&);
template void posterior_axes(const Rows<double>&, const Joint<double>&, const Execution&,
                             const Posterior<double>&);
template void complete_axes(const Rows<float>&, const Joint<float>&, const Execution&,
                            const Completion<float>&);
template void complete_axes(const Rows<double>&, const Joint<double>&, const Execution&,
                            const Completion<double>&);

}  // namespace gibbous::gmm::missing
