// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <vector>

#include "gibbous/gmm/missing/blocks.hpp"
#include "gibbous/gmm/missing/mixture.hpp"
#include "gibbous/gmm/missing/passes.hpp"

namespace gibbous::gmm {

namespace missing {
namespace {

// Limit on the size of the partial statistics of all tasks: this or half of the data, whichever is
// larger.
constexpr Index kPartialBytes = Index{32} << 20;

template <class T>
Index most_tasks(const Rows<T>& rows, Index numbers) {
  const Index data = rows.n * rows.d * static_cast<Index>(sizeof(T));
  return std::max<Index>(std::max(kPartialBytes, data / 2) / (numbers * 8), 1);
}

// Workspace of one thread.
template <class T, bool Shared>
struct Scratch {
  Posteriors<Shared> posteriors;
  Sums<Shared> sums;
  Gathered<T> gathered;

  Scratch(const Lanes& lanes, const Precisions<Shared>& precisions)
      : posteriors(lanes, precisions), sums(lanes) {}
};

template <class T, bool Shared>
class Accumulation {
 public:
  Accumulation(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint, const T* about,
               const Execution& run)
      : rows_(rows),
        patterns_(patterns),
        joint_(joint),
        about_(about),
        run_(run),
        lanes_(joint, about),
        precisions_(lanes_),
        moments_(second_moments(joint.type, joint.k, joint.d, false)),
        pool_(static_cast<std::size_t>(std::max(run.threads, 1))) {}

  double into(const Statistics& out) {
    const Index k = joint_.k, d = joint_.d, size = 1 + k * (1 + d) + moments_;
    const Tasks tasks(patterns_, cost_of(joint_.type, k, d), many_rows(joint_.type),
                      most_tasks(rows_, size));
    std::vector<double> all(static_cast<std::size_t>(size), 0.0);
    parallel_sum(run_, tasks.count(), size, all.data(),
                 [&](Index t, const Worker& worker, double* partial) {
                   auto& scratch = pool_[static_cast<std::size_t>(worker.index())];
                   if (!scratch)
                     scratch = std::make_unique<Scratch<T, Shared>>(lanes_, precisions_);
                   scratch->sums.clear();
                   scratch->posteriors.factor.forget();
                   tasks.each(t, [&](const Segment& s) {
                     worker.checkpoint();
                     add(s, worker, *scratch, partial);
                   });
                   scratch->sums.add_to(partial + 1, partial + 1 + k, partial + 1 + k * (1 + d));
                 });
    const double* s = all.data() + 1;
    std::copy(s, s + k, out.nk);
    std::copy(s + k, s + k * (1 + d), out.s1);
    std::copy(s + k * (1 + d), s + k * (1 + d) + moments_, out.s2);
    return all[0];
  }

 private:
  const T* row(Index at) const { return rows_.row(patterns_.rows[at]); }

  void add(const Segment& s, const Worker& worker, Scratch<T, Shared>& scratch, double* partial) {
    const bool many = s.end - s.begin >= many_rows(joint_.type);
    scratch.posteriors.begin(row(s.begin), true, many);
    if (scratch.posteriors.split.p() == 0)
      partial[0] += add_empty(s, scratch);
    else if (many)
      add_block(s, worker, scratch, partial);
    else
      partial[0] += add_rows(s, scratch);
  }

  double add_rows(const Segment& s, Scratch<T, Shared>& scratch) {
    auto& posteriors = scratch.posteriors;
    double total = 0;
    by_fours(s.end - s.begin, [&](auto count, Index i) {
      constexpr int R = decltype(count)::value;
      const T* x[R];
      double weight[R];
      for (int r = 0; r < R; ++r) {
        x[r] = row(s.begin + i + r);
        weight[r] = static_cast<double>(rows_.w(patterns_.rows[s.begin + i + r]));
      }
      total += posteriors.template evaluate<R>(x, weight);
      scratch.sums.add(posteriors, R);
    });
    scratch.sums.finish(posteriors);
    return total;
  }

  // Rows without observed entries are combined into one row with their total weight.
  double add_empty(const Segment& s, Scratch<T, Shared>& scratch) {
    const T* const x[1] = {row(s.begin)};
    double weight[1] = {0};
    for (Index i = s.begin; i < s.end; ++i)
      weight[0] += static_cast<double>(rows_.w(patterns_.rows[i]));
    const double total = scratch.posteriors.template evaluate<1>(x, weight);
    scratch.sums.add(scratch.posteriors, 1);
    scratch.sums.finish(scratch.posteriors);
    return total;
  }

  void add_block(const Segment& s, const Worker& worker, Scratch<T, Shared>& scratch,
                 double* partial) {
    auto& posteriors = scratch.posteriors;
    const Split& split = posteriors.split;
    const Index k = joint_.k, d = joint_.d, p = split.p();
    const Marginal<T, Shared> marginal(joint_, about_, posteriors.factor, split);
    const Index moments = second_moments(joint_.type, k, p, false);
    std::vector<double> sums(static_cast<std::size_t>(k * (1 + p) + moments), 0.0), part(sums);
    const auto statistics = [&](std::vector<double>& v) {
      return Statistics{v.data(), v.data() + k, v.data() + k * (1 + p)};
    };
    // only the thread that entered the kernel may poll for interrupts
    const Execution alone{1, worker.index() == 0 ? run_.monitor : nullptr};
    const Index most = rows_at_once(k, p);
    for (Index begin = s.begin; begin < s.end; begin += most) {
      worker.checkpoint();
      const Rows<T> some = scratch.gathered.take(rows_, patterns_.rows + begin,
                                                 std::min(most, s.end - begin), split);
      partial[0] +=
          accumulate(some, marginal.mixture(), marginal.origin(), alone, statistics(part));
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += part[i];
    }
    Completed<Shared>(lanes_, split)
        .add(posteriors.factor, statistics(sums), partial + 1, partial + 1 + k,
             partial + 1 + k * (1 + d));
  }

  const Rows<T>& rows_;
  const Patterns& patterns_;
  const Joint<T>& joint_;
  const T* about_;
  const Execution& run_;
  Lanes lanes_;
  Precisions<Shared> precisions_;
  Index moments_;
  std::vector<std::unique_ptr<Scratch<T, Shared>>> pool_;
};

}  // namespace
}  // namespace missing

template <class T>
double accumulate_missing(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                          const T* about, const Execution& run, const Statistics& out) {
  using namespace missing;
  if (along_axes(joint.type)) return accumulate_axes(rows, joint, about, run, out);
  if (joint.type == Covariance::tied)
    return Accumulation<T, true>(rows, patterns, joint, about, run).into(out);
  return Accumulation<T, false>(rows, patterns, joint, about, run).into(out);
}

template double accumulate_missing(const Rows<float>&, const Patterns&, const Joint<float>&,
                                   const float*, const Execution&, const Statistics&);
template double accumulate_missing(const Rows<double>&, const Patterns&, const Joint<double>&,
                                   const double*, const Execution&, const Statistics&);

}  // namespace gibbous::gmm
