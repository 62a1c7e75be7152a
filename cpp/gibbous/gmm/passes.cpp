// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <memory>

#include "gibbous/gmm/density.hpp"
#include "gibbous/gmm/mixture.hpp"
#include "gibbous/gmm/moments.hpp"
#include "gibbous/ground/random.hpp"

namespace gibbous::gmm {

bool foldable(Covariance type, Index d) { return type != Covariance::full || is_narrow(d); }

Index second_moments(Covariance type, Index k, Index d, bool folded) {
  switch (type) {
    case Covariance::full: return k * (d * (d + 1) / 2);
    case Covariance::tied: return folded ? 0 : d * (d + 1) / 2;
    case Covariance::diag: return k * d;
    default: return k;
  }
}

namespace {

// Limit on the size of the partial statistics of all slots: this or half of the data, whichever is
// larger.
constexpr Index kPartialBytes = Index{32} << 20;

// Groups per block: its transposed rows take about half of the L1 cache, its responsibilities a
// quarter of the L2 cache. The optimum is flat: within 3% from half to twice these sizes.
template <class T>
Index block_groups(const Packed<T>& p) {
  constexpr Index row_bytes = Group<T>::rows * static_cast<Index>(sizeof(T));
  const Index by_rows = (Index{20} << 10) / (row_bytes * p.d);
  const Index by_responsibilities = (Index{192} << 10) / (row_bytes * p.kp);
  const Index least = p.d > kNarrow ? 4 : 1;
  return std::clamp<Index>(std::min(by_rows, by_responsibilities), least, 16);
}

// Operations per row, to decide how many tasks are worth starting.
template <class T>
Index row_cost(const Packed<T>& p) {
  return p.k * ((p.kernel == Kernel::triangle ? p.d * (p.d + 1) : 4 * p.d) + 32);
}

// Minimum number of rows per task: about 20 microseconds of work.
template <class T>
Index least_rows(const Packed<T>& p, Index groups) {
  return std::max<Index>(groups * Group<T>::rows, Index{200000} / row_cost(p));
}

// Workspace of one thread.
template <class T>
struct Scratch {
  Block<T> block;
  Buffer<T> log_prob;
  std::unique_ptr<Moments<T>> moments;

  Scratch(Index groups, const Packed<T>& p)
      : block(groups, p), log_prob(static_cast<std::size_t>(groups * Group<T>::rows)) {}
};

template <class T>
class ScratchPool {
 public:
  ScratchPool(int threads, Index groups, const Packed<T>& p)
      : groups_(groups), p_(p), pool_(static_cast<std::size_t>(std::max(threads, 1))) {}

  Scratch<T>& of(const Worker& worker) {  // allocated by its thread: local memory
    auto& slot = pool_[static_cast<std::size_t>(worker.index())];
    if (!slot) slot = std::make_unique<Scratch<T>>(groups_, p_);
    return *slot;
  }

 private:
  Index groups_;
  const Packed<T>& p_;
  std::vector<std::unique_ptr<Scratch<T>>> pool_;
};

// Each slot of rows has its own statistics; slots are added in order. respond(begin, scratch)
// computes the responsibilities of the block and returns the sums of its rows.
template <class T, class Respond>
double accumulate_by_slots(const Rows<T>& rows, const Packed<T>& p, Covariance type, Index tasks,
                           const Execution& run, const Statistics& out, Respond&& respond) {
  const Index groups = block_groups(p), step = groups * Group<T>::rows;
  const Index moments2 = second_moments(type, p.k, p.d, p.folded);
  const Index size = 2 + p.k * (1 + p.d) + moments2;
  std::vector<double> sums(static_cast<std::size_t>(size), 0.0);
  const Execution some = fit_threads(run, static_cast<double>(rows.n * row_cost(p)));
  ScratchPool<T> pool(some.threads, groups, p);
  parallel_sum(some, tasks, size, sums.data(), [&](Index s, const Worker& worker, double* partial) {
    Scratch<T>& scratch = pool.of(worker);
    if (!scratch.moments) scratch.moments = std::make_unique<Moments<T>>(type, p, groups);
    scratch.moments->clear();
    const Range range = slot_range(rows.n, tasks, s, step);
    for (Index begin = range.begin; begin < range.end; begin += step) {
      worker.checkpoint();
      scratch.block.read(rows, begin, std::min(begin + step, range.end), p.shift);
      const RowSums of_rows = respond(begin, scratch);
      partial[0] += of_rows.log_prob;
      partial[1] += of_rows.entropy;
      scratch.moments->add(rows, begin, scratch.block);
    }
    scratch.moments->add_to(partial + 2, partial + 2 + p.k, partial + 2 + p.k * (1 + p.d));
  });
  const double* s = sums.data() + 2;
  std::copy(s, s + p.k, out.nk);
  std::copy(s + p.k, s + p.k * (1 + p.d), out.s1);
  std::copy(s + p.k * (1 + p.d), s + p.k * (1 + p.d) + moments2, out.s2);
  if (out.entropy) *out.entropy = sums[1];
  return sums[0];
}

// Number of slots of rows: as many as have enough work, within the budget of their partial sums.
template <class T>
Index slots_within_budget(const Rows<T>& rows, const Packed<T>& p, Covariance type) {
  const Index bytes = (2 + p.k * (1 + p.d) + second_moments(type, p.k, p.d, p.folded)) * Index{8};
  const Index budget = std::max(kPartialBytes, rows.n * rows.d * static_cast<Index>(sizeof(T)) / 2);
  return std::clamp<Index>(budget / bytes, 1, slots(rows.n, least_rows(p, block_groups(p))));
}

// For full covariances too large for 64 copies: the rows of a macro block are split over threads
// for the E-step, the components (and strips of their covariances) for the M-step. Every number has
// one owner, which processes the rows in order.
template <bool Entropy, class T>
double accumulate_by_owners(const Rows<T>& rows, const Packed<T>& p, const Execution& run,
                            const Statistics& out) {
  constexpr Index size = Group<T>::rows;
  constexpr Index strip = 128;  // output rows per task; a multiple of every tile
  const Index groups = block_groups(p), step = groups * size;
  const Index macro = detail::round_up(2048, step), width = WideSum<T>::width(p.d);
  const Index strips = (p.d + strip - 1) / strip, packed = p.d * (p.d + 1) / 2;
  Buffer<double> c(static_cast<std::size_t>(p.k * p.d * width), 0.0);
  Buffer<T> r(static_cast<std::size_t>(macro * p.kp));
  std::vector<RowSums> of_blocks(static_cast<std::size_t>(macro / step));
  ScratchPool<T> pool(run.threads, groups, p);
  std::vector<std::unique_ptr<WideSum<T>>> gather(
      static_cast<std::size_t>(std::max(run.threads, 1)));
  std::fill(out.nk, out.nk + p.k, 0.0);
  std::fill(out.s1, out.s1 + p.k * p.d, 0.0);
  RowSums total;
  for (Index base = 0; base < rows.n; base += macro) {
    const Index count = std::min(macro, rows.n - base), blocks = (count + step - 1) / step;
    parallel_tasks(run, blocks, [&](Index b, const Worker& worker) {
      Scratch<T>& scratch = pool.of(worker);
      const Index begin = base + b * step;
      scratch.block.read(rows, begin, std::min(begin + step, base + count), p.shift);
      log_densities(p, scratch.block);
      of_blocks[static_cast<std::size_t>(b)] =
          normalize<Entropy>(p, rows, begin, scratch.block, scratch.log_prob.data());
      std::copy_n(scratch.block.r.data(), scratch.block.groups * p.kp * size,
                  r.data() + b * step * p.kp);
    });
    for (Index b = 0; b < blocks; ++b) {
      total.log_prob += of_blocks[static_cast<std::size_t>(b)].log_prob;
      total.entropy += of_blocks[static_cast<std::size_t>(b)].entropy;
    }
    parallel_tasks(run, p.k * strips, [&](Index task, const Worker& worker) {
      auto& sum = gather[static_cast<std::size_t>(worker.index())];
      if (!sum) sum = std::make_unique<WideSum<T>>(p.d);
      const Index k = task / strips, a = task % strips * strip;
      const bool last = a + strip >= p.d;  // gathers every column, so that it also sums the means
      sum->add(rows, {base, count, r.data() + k * size, p.kp * size}, p.origins.data() + k * p.d,
               {a, std::min(a + strip, p.d)},
               {last ? out.nk + k : nullptr, last ? out.s1 + k * p.d : nullptr,
                c.data() + k * p.d * width});
    });
  }
  std::fill(out.s2, out.s2 + p.k * packed, 0.0);
  for (Index k = 0; k < p.k; ++k)
    pack_lower(c.data() + k * p.d * width, width, 0, p.d, out.s2 + k * packed);
  if (out.entropy) *out.entropy = total.entropy;
  return total.log_prob;
}

// Entropy is a template argument down to the innermost loop, so that plain EM does not pay for it.
template <bool Entropy, class T>
double accumulate_rows(const Rows<T>& rows, const Mixture<T>& mixture, const Origin<T>& origin,
                       const Execution& run, const Statistics& out) {
  const Packed<T> p = pack(mixture, origin);
  const Index wanted = slots(rows.n, least_rows(p, block_groups(p)));
  const Index tasks = slots_within_budget(rows, p, mixture.type);
  if (mixture.type == Covariance::full && moment_of(p) == Moment::wide && tasks < wanted &&
      tasks < 16)
    return accumulate_by_owners<Entropy>(rows, p, run, out);
  return accumulate_by_slots(
      rows, p, mixture.type, tasks, run, out, [&](Index begin, Scratch<T>& scratch) {
        log_densities(p, scratch.block);
        return normalize<Entropy>(p, rows, begin, scratch.block, scratch.log_prob.data());
      });
}

}  // namespace

template <class T>
double accumulate(const Rows<T>& rows, const Mixture<T>& mixture, const Origin<T>& origin,
                  const Execution& run, const Statistics& out) {
  return out.entropy ? accumulate_rows<true>(rows, mixture, origin, run, out)
                     : accumulate_rows<false>(rows, mixture, origin, run, out);
}

template <class T>
void start(const Rows<T>& rows, Covariance type, Index k, const T* origins,
           const Assignment& assignment, const Execution& run, const Statistics& out) {
  constexpr Index size = Group<T>::rows;
  const Packed<T> p = about_origins(type, k, rows.d, origins);
  const Stream stream(assignment.seed, Purpose::gmm_start);
  accumulate_by_slots(rows, p, type, slots_within_budget(rows, p, type), run, out,
                      [&](Index begin, Scratch<T>& scratch) {
                        Block<T>& block = scratch.block;
                        std::fill(block.r.begin(), block.r.end(), T(0));
                        std::vector<double> u(static_cast<std::size_t>(k));
                        for (Index i = 0; i < block.count; ++i) {
                          const Index row = begin + i;
                          T* r = block.r.data() + i / size * p.kp * size + i % size;
                          if (assignment.labels) {
                            const Label label = assignment.labels[row];
                            if (label >= 0) r[label * size] = rows.w(row);
                            continue;
                          }
                          double sum = 0;
                          for (Index c = 0; c < k; ++c)
                            sum += u[static_cast<std::size_t>(c)] =
                                stream.uniform(static_cast<std::uint32_t>(c),
                                               static_cast<std::uint64_t>(assignment.first + row));
                          for (Index c = 0; c < k; ++c)
                            r[c * size] = static_cast<T>(u[static_cast<std::size_t>(c)] / sum *
                                                         static_cast<double>(rows.w(row)));
                        }
                        return RowSums{};
                      });
}

template <class T>
void posterior(const Rows<T>& rows, const Mixture<T>& mixture, const Execution& run,
               const Posterior<T>& out) {
  constexpr Index size = Group<T>::rows;
  const Packed<T> p = pack(mixture, Origin<T>{});
  const Index groups = block_groups(p), step = groups * size;
  const Index tasks = slots(rows.n, least_rows(p, groups));
  const Execution some = fit_threads(run, static_cast<double>(rows.n * row_cost(p)));
  ScratchPool<T> pool(some.threads, groups, p);
  parallel_tasks(some, tasks, [&](Index s, const Worker& worker) {
    Scratch<T>& scratch = pool.of(worker);
    const Range range = slot_range(rows.n, tasks, s, step);
    for (Index begin = range.begin; begin < range.end; begin += step) {
      worker.checkpoint();
      Block<T>& block = scratch.block;
      block.read(rows, begin, std::min(begin + step, range.end), p.shift);
      log_densities(p, block);
      const auto r = [&](Index i, Index k) {
        return block.r[static_cast<std::size_t>((i / size * p.kp + k) * size + i % size)];
      };
      if (out.labels)
        for (Index i = 0; i < block.count; ++i) {
          Index best = 0;
          for (Index k = 1; k < p.k; ++k)
            if (r(i, k) > r(i, best)) best = k;
          out.labels[begin + i] = r(i, best) >= std::numeric_limits<T>::lowest() ? best : -1;
        }
      if (!out.log_prob && !out.responsibilities) continue;
      normalize(p, Rows<T>{rows.x, rows.n, rows.d, nullptr}, begin, block, scratch.log_prob.data());
      if (out.log_prob) std::copy_n(scratch.log_prob.data(), block.count, out.log_prob + begin);
      if (out.responsibilities)
        for (Index i = 0; i < block.count; ++i)
          for (Index k = 0; k < p.k; ++k) out.responsibilities[(begin + i) * p.k + k] = r(i, k);
    }
  });
}

template double accumulate(const Rows<float>&, const Mixture<float>&, const Origin<float>&,
                           const Execution&, const Statistics&);
template double accumulate(const Rows<double>&, const Mixture<double>&, const Origin<double>&,
                           const Execution&, const Statistics&);
template void start(const Rows<float>&, Covariance, Index, const float*, const Assignment&,
                    const Execution&, const Statistics&);
template void start(const Rows<double>&, Covariance, Index, const double*, const Assignment&,
                    const Execution&, const Statistics&);
template void posterior(const Rows<float>&, const Mixture<float>&, const Execution&,
                        const Posterior<float>&);
template void posterior(const Rows<double>&, const Mixture<double>&, const Execution&,
                        const Posterior<double>&);

}  // namespace gibbous::gmm
