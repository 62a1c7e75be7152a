// SPDX-License-Identifier: Apache-2.0
// Inference for rows with missing entries: the posterior of their components, and the imputation of
// missing entries.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "gibbous/gmm/missing/blocks.hpp"
#include "gibbous/gmm/missing/mixture.hpp"
#include "gibbous/gmm/missing/passes.hpp"
#include "gibbous/gmm/missing/row.hpp"

namespace gibbous::gmm {

namespace missing {
namespace {

// ---- the posterior ------------------------------------------------------------------------------

template <class T, bool Shared>
class PosteriorPass {
 public:
  PosteriorPass(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                const Execution& run, const Posterior<T>& out)
      : rows_(rows),
        patterns_(patterns),
        joint_(joint),
        run_(run),
        out_(out),
        lanes_(joint, static_cast<const T*>(nullptr)),
        precisions_(lanes_),
        pool_(static_cast<std::size_t>(std::max(run.threads, 1))) {}

  void go() {
    const Tasks tasks(patterns_, cost_of(joint_.type, joint_.k, joint_.d), many_rows(joint_.type),
                      kSlots);
    parallel_tasks(run_, tasks.count(), [&](Index t, const Worker& worker) {
      auto& scratch = pool_[static_cast<std::size_t>(worker.index())];
      if (!scratch) scratch = std::make_unique<Scratch>(lanes_, precisions_);
      scratch->posteriors.factor.forget();
      tasks.each(t, [&](const Segment& s) {
        worker.checkpoint();
        Posteriors<Shared>& posteriors = scratch->posteriors;
        const bool many = s.end - s.begin >= many_rows(joint_.type);
        posteriors.begin(rows_.row(patterns_.rows[s.begin]), false, many);
        if (many && posteriors.split.p() > 0)
          block(s, worker, *scratch);
        else
          few(s, posteriors);
      });
    });
  }

 private:
  struct Scratch {
    Posteriors<Shared> posteriors;
    Gathered<T> gathered;
    std::vector<T> log_prob, r;
    std::vector<std::int64_t> labels;
    Scratch(const Lanes& lanes, const Precisions<Shared>& precisions)
        : posteriors(lanes, precisions) {}
  };

  void block(const Segment& s, const Worker& worker, Scratch& scratch) {
    const Index k = joint_.k;
    const Split& split = scratch.posteriors.split;
    const Marginal<T, Shared> marginal(joint_, nullptr, scratch.posteriors.factor, split);
    const Execution alone{1, worker.index() == 0 ? run_.monitor : nullptr};
    const Index most = rows_at_once(k, split.p());
    const auto room = [&](bool wanted, auto& buffer, Index numbers) {
      buffer.resize(static_cast<std::size_t>(wanted ? numbers : 0));
      return wanted ? buffer.data() : nullptr;
    };
    for (Index begin = s.begin; begin < s.end; begin += most) {
      worker.checkpoint();
      const Index count = std::min(most, s.end - begin);
      const Index* which = patterns_.rows + begin;
      const Posterior<T> part{room(out_.log_prob, scratch.log_prob, count),
                              room(out_.responsibilities, scratch.r, count * k),
                              room(out_.labels, scratch.labels, count)};
      posterior(scratch.gathered.take(rows_, which, count, split), marginal.mixture(), alone, part);
      for (Index i = 0; i < count; ++i) {
        if (out_.log_prob) out_.log_prob[which[i]] = part.log_prob[i];
        if (out_.labels) out_.labels[which[i]] = part.labels[i];
        if (out_.responsibilities)
          std::copy_n(part.responsibilities + i * k, k, out_.responsibilities + which[i] * k);
      }
    }
  }

  void few(const Segment& s, Posteriors<Shared>& posteriors) {
    by_fours(s.end - s.begin, [&](auto count, Index i) {
      constexpr int R = decltype(count)::value;
      const T* x[R];
      double weight[R];
      for (int r = 0; r < R; ++r) {
        x[r] = rows_.row(patterns_.rows[s.begin + i + r]);
        weight[r] = 1;
      }
      posteriors.template evaluate<R>(x, weight);
      for (int r = 0; r < R; ++r) write(patterns_.rows[s.begin + i + r], r, posteriors);
    });
  }

  void write(Index row, int place, const Posteriors<Shared>& posteriors) {
    if (out_.log_prob)
      out_.log_prob[row] = static_cast<T>(posteriors.log_prob[static_cast<std::size_t>(place)]);
    Index best = 0;
    for (Index c = 0; c < joint_.k; ++c) {
      const double r = posteriors.of(place, c);
      if (r > posteriors.of(place, best)) best = c;
      if (out_.responsibilities) out_.responsibilities[row * joint_.k + c] = static_cast<T>(r);
    }
    if (out_.labels) out_.labels[row] = posteriors.of(place, best) > 0 ? best : -1;
  }

  const Rows<T>& rows_;
  const Patterns& patterns_;
  const Joint<T>& joint_;
  const Execution& run_;
  const Posterior<T>& out_;
  Lanes lanes_;
  Precisions<Shared> precisions_;
  std::vector<std::unique_ptr<Scratch>> pool_;
};

// ---- imputation ---------------------------------------------------------------------------------

template <class T, bool Shared>
class CompletionPass {
 public:
  CompletionPass(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                 const Execution& run, const Completion<T>& out)
      : rows_(rows),
        patterns_(patterns),
        joint_(joint),
        run_(run),
        out_(out),
        lanes_(joint, static_cast<const T*>(nullptr)),
        precisions_(lanes_),
        pool_(static_cast<std::size_t>(std::max(run.threads, 1))) {}

  void go() {
    const Tasks tasks(patterns_, cost_of(joint_.type, joint_.k, joint_.d), many_rows(joint_.type),
                      kSlots);
    parallel_tasks(run_, tasks.count(), [&](Index t, const Worker& worker) {
      auto& given = pool_[static_cast<std::size_t>(worker.index())];
      if (!given) given = std::make_unique<Given>(*this);
      given->posteriors.factor.forget();
      tasks.each(t, [&](const Segment& s) {
        worker.checkpoint();
        segment(s, worker, *given);
      });
    });
  }

 private:
  // The interface that RowWriter requires.
  struct Given {
    const CompletionPass& pass;
    Posteriors<Shared> posteriors;
    RowWriter<T> writer;
    std::vector<std::vector<double>> roots;  // (k) lower triangular R R^T = C, computed on demand
    int place = 0;                           // index of the row among those evaluated together

    explicit Given(const CompletionPass& p)
        : pass(p),
          posteriors(p.lanes_, p.precisions_),
          writer(p.out_, p.joint_.k, p.joint_.d),
          roots(static_cast<std::size_t>(p.joint_.k)) {}

    double r(Index c) const { return posteriors.of(place, c); }
    double mean(Index c, Index a) const {
      const Index d = pass.joint_.d, g = c / kL, lane = c % kL;
      const auto at = static_cast<std::size_t>((g * d + a) * kL + lane);
      const auto hat = static_cast<std::size_t>(((g * kTogether + place) * d + a) * kL + lane);
      return pass.lanes_.mean[at] + posteriors.hat[hat];
    }
    double spread(Index c, Index i, Index j) const { return posteriors.factor.spread_of(c, i, j); }
    void draw(Index c, const double* z, double* out) {
      const Index q = posteriors.split.q();
      const std::vector<double>& root = root_of(c);
      for (Index i = 0; i < q; ++i) {
        out[i] = 0;
        for (Index j = 0; j <= i; ++j) out[i] += root[static_cast<std::size_t>(i * q + j)] * z[j];
      }
    }

    const std::vector<double>& root_of(Index c) {
      auto& root = roots[static_cast<std::size_t>(c)];
      if (!root.empty()) return root;
      const Index q = posteriors.split.q();
      root.assign(static_cast<std::size_t>(q * q), 0.0);
      for (Index a = 0; a < q; ++a)
        for (Index b = 0; b <= a; ++b) {
          double* ra = root.data() + a * q;
          const double* rb = root.data() + b * q;
          double s = spread(c, a, b);
          for (Index e = 0; e < b; ++e) s -= ra[e] * rb[e];
          if (a == b)
            ra[a] = std::sqrt(std::max(s, 0.0));  // negative only by rounding
          else
            ra[b] = rb[b] > 0 ? s / rb[b] : 0.0;
        }
      return root;
    }
  };

  void segment(const Segment& s, const Worker& worker, Given& given) {
    auto& posteriors = given.posteriors;
    posteriors.begin(rows_.row(patterns_.rows[s.begin]), true, false);
    const bool spread = out_.variance || out_.covariance || out_.seed;
    if (spread && posteriors.split.q() > 0) posteriors.factor.complement();
    for (auto& root : given.roots) root.clear();
    by_fours(s.end - s.begin, [&](auto count, Index i) {
      constexpr int R = decltype(count)::value;
      const T* x[R];
      double weight[R];
      for (int r = 0; r < R; ++r) {
        x[r] = rows_.row(patterns_.rows[s.begin + i + r]);
        weight[r] = 1;
      }
      if (i % 64 == 0) worker.checkpoint();
      posteriors.template evaluate<R>(x, weight);
      for (given.place = 0; given.place < R; ++given.place)
        given.writer.write(patterns_.rows[s.begin + i + given.place], x[given.place],
                           posteriors.split.missing, given);
    });
  }

  const Rows<T>& rows_;
  const Patterns& patterns_;
  const Joint<T>& joint_;
  const Execution& run_;
  const Completion<T>& out_;
  Lanes lanes_;
  Precisions<Shared> precisions_;
  std::vector<std::unique_ptr<Given>> pool_;
};

}  // namespace
}  // namespace missing

template <class T>
void posterior_missing(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
                       const Execution& run, const Posterior<T>& out) {
  using namespace missing;
  if (along_axes(joint.type)) return posterior_axes(rows, joint, run, out);
  if (joint.type == Covariance::tied)
    return PosteriorPass<T, true>(rows, patterns, joint, run, out).go();
  PosteriorPass<T, false>(rows, patterns, joint, run, out).go();
}

template <class T>
void complete(const Rows<T>& rows, const Patterns& patterns, const Joint<T>& joint,
              const Execution& run, const Completion<T>& out) {
  using namespace missing;
  if (along_axes(joint.type)) return complete_axes(rows, joint, run, out);
  if (joint.type == Covariance::tied)
    return CompletionPass<T, true>(rows, patterns, joint, run, out).go();
  CompletionPass<T, false>(rows, patterns, joint, run, out).go();
}

template void posterior_missing(const Rows<float>&, const Patterns&, const Joint<float>&,
                                const Execution&, const Posterior<float>&);
template void posterior_missing(const Rows<double>&, const Patterns&, const Joint<double>&,
                                const Execution&, const Posterior<double>&);
template void complete(const Rows<float>&, const Patterns&, const Joint<float>&, const Execution&,
                       const Completion<float>&);
template void complete(const Rows<double>&, const Patterns&, const Joint<double>&, const Execution&,
                       const Completion<double>&);

}  // namespace gibbous::gmm
