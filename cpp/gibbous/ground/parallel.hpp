// SPDX-License-Identifier: Apache-2.0
// The only file with an OpenMP pragma: loops over tasks whose results never depend on how many
// threads ran them, exceptions carried out of the threads, and the interrupt.
//
// Determinism. A kernel cuts its work into tasks by the data alone (see slots()), every task
// writes to a place of its own, and partial results are folded in task order by one thread.
#pragma once
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include "gibbous/ground/types.hpp"

namespace gibbous {

// Called before a loop and between blocks by the thread that entered the kernel. poll() may throw
// to stop the work; the exception comes out of the kernel after every thread has left the loop.
class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual void poll() = 0;
};

// A product on a matrix unit (ground/tile_product.hpp).
using TileProduct = void (*)(const std::uint32_t* a, Index stride, Index rows, Index depth,
                             const std::uint32_t* b, float* acc);

// How to run a kernel; never what it computes, but for rounding.
struct Execution {
  int threads = 1;
  Monitor* monitor = nullptr;
  TileProduct tiles = nullptr;  // null: without a matrix unit
};

// 64 partial results served every shape measured: enough to balance 64 threads, few enough to
// fold at no cost.
inline constexpr Index kSlots = 64;

// Number of tasks for n items of which a task should hold at least `least`. A function of the data.
inline Index slots(Index n, Index least) {
  return std::clamp<Index>(n / std::max<Index>(least, 1), 1, kSlots);
}

struct Range {
  Index begin, end;
};

// The items of slot s out of `count`, whole multiples of `step` except at the end.
inline Range slot_range(Index n, Index count, Index s, Index step = 1) {
  const Index units = (n + step - 1) / step;
  return {std::min(n, units * s / count * step), std::min(n, units * (s + 1) / count * step)};
}

// Threads for an amount of work in multiply-adds. A parallel region costs 5 us on idle cores but
// a scheduler's slice on busy ones, such as those where another library's threads still wait for
// more: fits of 2 ms took 23 ms right after a product of matrices. So a thread is worth it only for
// about 100 us of work. How many threads run never changes a result.
inline Execution fit_threads(Execution run, double work) {
  run.threads = static_cast<int>(
      std::clamp(work / 2e6, 1.0, std::max(1.0, static_cast<double>(run.threads))));
  return run;
}

namespace detail {
struct Stopped {};  // thrown in worker threads once another thread has failed
}  // namespace detail

// Handed to the body of a parallel loop.
class Worker {
 public:
  Worker(int index, std::atomic<bool>& stop, Monitor* monitor)
      : index_(index), stop_(stop), monitor_(monitor) {}

  int index() const { return index_; }

  // To be called at least every few milliseconds of work. Throws when the loop has to end.
  void checkpoint() const {
    if (stop_.load(std::memory_order_relaxed)) throw detail::Stopped{};
    if (index_ == 0 && monitor_) monitor_->poll();
  }

 private:
  int index_;
  std::atomic<bool>& stop_;
  Monitor* monitor_;
};

// Runs body(task, worker) for every task in [0, tasks), each exactly once, in any order. The first
// exception stops the loop and is thrown again here.
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
      // the thread that stopped the loop carries the exception
    } catch (...) {
      if (!stop.exchange(true)) error = std::current_exception();
    }
  };
  if (threads == 1) {  // no region at all: entering one costs more than a small fit's iteration
    const Worker worker(0, stop, run.monitor);
    for (Index t = 0; t < tasks && !stop; ++t) guarded(t, worker);
  } else {
    // Asked here too: on a machine with more to do than processors the threads that are woken may
    // take all the tasks of a short region, and this thread none, region after region. K-means++
    // answered Ctrl-C after 8 s so.
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
// zero; partials are added to out in task order. Holds tasks * size doubles.
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
