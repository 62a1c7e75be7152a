// SPDX-License-Identifier: Apache-2.0
// The only file with OpenMP pragmas: loops over tasks whose results never depend on the number of
// threads, propagation of exceptions out of the threads, and interrupts.
//
// Determinism. A kernel splits its work into tasks by the data alone (see slots()), every task
// writes to its own memory, and one thread adds up the partial results in task order.
#pragma once
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include "gibbous/ground/types.hpp"

namespace gibbous {

// Polled before a loop and between blocks by the thread that entered the kernel. poll() may throw
// to stop the work; the exception leaves the kernel after every thread has left the loop.
class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual void poll() = 0;
};

// A product on a matrix unit (ground/tile_product.hpp).
using TileProduct = void (*)(const std::uint32_t* a, Index stride, Index rows, Index depth,
                             const std::uint32_t* b, float* acc);

// How to run a kernel. Affects results by rounding at most.
struct Execution {
  int threads = 1;
  Monitor* monitor = nullptr;
  TileProduct tiles = nullptr;  // null if there is no matrix unit
};

// 64 partial results were enough for every shape measured: enough to balance 64 threads, and few
// enough that summing them costs nothing.
inline constexpr Index kSlots = 64;

// Number of tasks for n items with at least `least` items per task. Depends on the data only.
inline Index slots(Index n, Index least) {
  return std::clamp<Index>(n / std::max<Index>(least, 1), 1, kSlots);
}

struct Range {
  Index begin, end;
};

// The items of slot s out of `count`: whole multiples of `step`, except for the last.
inline Range slot_range(Index n, Index count, Index s, Index step = 1) {
  const Index units = (n + step - 1) / step;
  return {std::min(n, units * s / count * step), std::min(n, units * (s + 1) / count * step)};
}

// Number of threads for an amount of work in multiply-adds. Entering a parallel region costs 5 us
// on idle cores but a time slice of the scheduler on busy ones, such as those where the threads of
// another library still spin: fits of 2 ms took 23 ms right after a matrix product. A thread
// therefore needs about 100 us of work. The number of threads never changes a result.
inline Execution fit_threads(Execution run, double work) {
  run.threads = static_cast<int>(
      std::clamp(work / 2e6, 1.0, std::max(1.0, static_cast<double>(run.threads))));
  return run;
}

namespace detail {
struct Stopped {};  // thrown in worker threads after another thread has failed
}  // namespace detail

// Passed to the body of a parallel loop.
class Worker {
 public:
  Worker(int index, std::atomic<bool>& stop, Monitor* monitor)
      : index_(index), stop_(stop), monitor_(monitor) {}

  int index() const { return index_; }

  // Call at least every few milliseconds of work. Throws if the loop has to end.
  void checkpoint() const {
    if (stop_.load(std::memory_order_relaxed)) throw detail::Stopped{};
    if (index_ == 0 && monitor_) monitor_->poll();
  }

 private:
  int index_;
  std::atomic<bool>& stop_;
  Monitor* monitor_;
};

// Runs body(task, worker) exactly once for every task in [0, tasks), in any order. The first
// exception stops the loop and is rethrown here.
template <class Body>
void parallel_tasks(const Execution& run, Index tasks, Body&& body) {
  std::atomic<bool> stop{false};
  std::exception_ptr error;
  const int threads = static_cast<int>(std::clamp<Index>(tasks, 1, std::max(run.threads, 1)));
  const auto guarded = [&](Index task, const Worker& worker) {
    try {
      worker.checkpoint();
      body(task, worker);
    } catch (const detail::Stopped&) {
      // the thread that stopped the loop stores the exception
    } catch (...) {
      if (!stop.exchange(true)) error = std::current_exception();
    }
  };
  if (threads == 1) {  // no region: entering one costs more than an iteration of a small fit
    const Worker worker(0, stop, run.monitor);
    for (Index t = 0; t < tasks && !stop; ++t) guarded(t, worker);
  } else {
    // Poll here too: on an oversubscribed machine the other threads may take all the tasks of every
    // short region and leave none to this thread. Without this, k-means++ took 8 s to respond to
    // Ctrl-C.
    if (run.monitor) run.monitor->poll();
    std::atomic<Index> next{0};
#pragma omp parallel num_threads(threads)
    {
      const Worker worker(omp_get_thread_num(), stop, run.monitor);
      while (!stop.load(std::memory_order_relaxed)) {
        const Index t = next.fetch_add(1, std::memory_order_relaxed);
        if (t >= tasks) break;
        guarded(t, worker);
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

// Sums `size` doubles over tasks: body(task, worker, partial) adds to `partial`, which starts at
// zero; partial sums are added to out in task order. Allocates tasks * size doubles.
template <class Body>
void parallel_sum(const Execution& run, Index tasks, Index size, double* out, Body&& body) {
  std::vector<double> partial(static_cast<std::size_t>(tasks * size), 0.0);
  parallel_tasks(run, tasks, [&](Index t, const Worker& worker) {
    body(t, worker, partial.data() + t * size);
  });
  for (Index t = 0; t < tasks; ++t)
    for (Index i = 0; i < size; ++i) out[i] += partial[static_cast<std::size_t>(t * size + i)];
}

inline int default_threads() { return omp_get_max_threads(); }

}  // namespace gibbous
