// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>

#include "gibbous/ground/parallel.hpp"
#include "tests/check.hpp"

using namespace gibbous;

namespace {

constexpr int kThreads[] = {1, 2, 3, 7};

void each_task_once() {
  for (int threads : kThreads)
    for (Index tasks : {0, 1, 2, 6, 64, 1000}) {
      std::vector<int> count(static_cast<std::size_t>(tasks), 0);
      std::atomic<bool> index_in_range{true};
      parallel_tasks({threads, nullptr}, tasks, [&](Index t, const Worker& worker) {
        ++count[static_cast<std::size_t>(t)];  // one location per task: no race
        if (worker.index() < 0 || worker.index() >= threads) index_in_range = false;
      });
      for (Index t = 0; t < tasks; ++t)
        CHECK(count[static_cast<std::size_t>(t)] == 1,
              "task " << t << " of " << tasks << " ran " << count[static_cast<std::size_t>(t)]
                      << " times on " << threads << " threads");
      CHECK(index_in_range, "a worker's index is not below " << threads);
    }
}

// Numbers of very different magnitude, so that another order of summation gives other bits.
void sums_are_equal_bits() {
  const Index n = 100003, size = 3;
  std::vector<double> x(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i)
    x[static_cast<std::size_t>(i)] = std::sin(double(i)) * std::exp2(double(i % 40));
  const Index tasks = slots(n, 100);
  std::vector<double> first;
  for (int threads : kThreads)
    for (int repeat = 0; repeat < 5; ++repeat) {
      std::vector<double> out(size, 1.0);
      parallel_sum({threads, nullptr}, tasks, size, out.data(),
                   [&](Index t, const Worker&, double* partial) {
                     const Range r = slot_range(n, tasks, t);
                     for (Index i = r.begin; i < r.end; ++i)
                       partial[i % size] += x[static_cast<std::size_t>(i)];
                   });
      if (first.empty()) first = out;
      CHECK(!std::memcmp(out.data(), first.data(), sizeof(double) * size),
            "other bits on " << threads << " threads: " << out[0] << " against " << first[0]);
    }
  long double exact = 1.0L;
  for (Index i = 0; i < n; i += size) exact += x[static_cast<std::size_t>(i)];
  CHECK(std::abs(first[0] - double(exact)) <= 1e-9 * std::abs(double(exact)),
        "the sum is " << first[0] << ", not " << double(exact));
}

void exceptions_come_out() {
  for (int threads : kThreads) {
    std::atomic<int> ran{0};
    std::string caught;
    try {
      parallel_tasks({threads, nullptr}, 100000, [&](Index t, const Worker&) {
        ++ran;
        if (t == 5) throw std::runtime_error("task 5");
      });
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    CHECK(caught == "task 5", "caught '" << caught << "' on " << threads << " threads");
    if (threads == 1) CHECK(ran == 6, "the loop went on: " << ran << " tasks");

    // the loop can be used again
    std::atomic<int> after{0};
    parallel_tasks({threads, nullptr}, 10, [&](Index, const Worker&) { ++after; });
    CHECK(after == 10, after << " tasks after an exception");
  }
}

struct Refuse final : Monitor {
  explicit Refuse(int after) : left(after) {}
  void poll() override {
    if (std::this_thread::get_id() != owner) foreign = true;
    if (--left < 0) throw std::domain_error("stopped by the monitor");
  }
  int left;
  bool foreign = false;
  std::thread::id owner = std::this_thread::get_id();
};

// Every task loops forever; only the exception of the monitor can end the loop, in all threads.
void monitor_stops_all_threads() {
  for (int threads : kThreads) {
    Refuse monitor(1000);
    bool caught = false;
    try {
      parallel_tasks({threads, &monitor}, 64, [&](Index, const Worker& worker) {
        for (;;) worker.checkpoint();
      });
    } catch (const std::domain_error&) {
      caught = true;
    }
    CHECK(caught, "the monitor's exception was lost on " << threads << " threads");
    CHECK(!monitor.foreign, "the monitor was called on a thread that did not enter the kernel");
  }
  for (int threads : kThreads)  // if a monitor throws at the first poll, no task runs on any thread
    for (int repeat = 0; repeat < 20; ++repeat) {
      Refuse monitor(0);
      std::atomic<int> ran{0};
      bool caught = false;
      try {
        parallel_tasks({threads, &monitor}, 64, [&](Index, const Worker&) { ++ran; });
      } catch (const std::domain_error&) {
        caught = true;
      }
      CHECK(caught && ran == 0, ran << " tasks ran before the monitor was asked");
    }
}

void slots_cover() {
  CHECK(slots(0, 10) == 1 && slots(9, 10) == 1 && slots(25, 10) == 2, "slots of few items");
  CHECK(slots(1000000, 10) == kSlots && slots(1000, 0) == kSlots, "slots of many items");
  for (Index n : {0, 1, 2, 23, 24, 25, 63, 64, 65, 1000, 12345})
    for (Index count : {1, 2, 3, 63, 64})
      for (Index step : {1, 8, 24}) {
        Index next = 0;
        for (Index s = 0; s < count; ++s) {
          const Range r = slot_range(n, count, s, step);
          CHECK(r.begin == next && r.end >= r.begin && r.end <= n,
                "slot " << s << " of " << count << " is [" << r.begin << ", " << r.end
                        << "), n = " << n << ", step = " << step);
          CHECK(r.begin % step == 0 || r.begin == n, "slot starts inside a group: " << r.begin);
          next = r.end;
        }
        CHECK(next == n, "the slots end at " << next << " of " << n);
      }
}

}  // namespace

int main() {
  return check::run([] {
    each_task_once();
    sums_are_equal_bits();
    exceptions_come_out();
    monitor_stops_all_threads();
    slots_cover();
  });
}
