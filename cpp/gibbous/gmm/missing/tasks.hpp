// SPDX-License-Identifier: Apache-2.0
// Splits rows with missing entries into tasks, by the data alone. Internal to the mixture's
// sources.
#pragma once
#include <algorithm>
#include <vector>

#include "gibbous/gmm/missing/mixture.hpp"

namespace gibbous::gmm::missing {

// From this many rows of a pattern on, the kernels for complete rows are used, which copy the
// observed columns and process matrices one component at a time. Measured at d = 5 ... 64 with
// AVX2: the two methods are equal between 64 and 200 rows (full), and between 40 and 80 (tied).
inline Index many_rows(Covariance type) { return type == Covariance::full ? 128 : 64; }

// Operations per pattern, without its rows, and per row.
struct Cost {
  double pattern, row;
};
inline Cost cost_of(Covariance type, Index k, Index d) {
  const double n = static_cast<double>(d), c = static_cast<double>(k);
  return {(type == Covariance::full ? c : 1.0) * n * n * (n / 6 + 4), c * (2 * n * n + 32)};
}

// Rows [begin, end) of Patterns::rows, all of one pattern.
struct Segment {
  Index begin, end;
};

// Tasks of about equal cost. A pattern of few rows is never split.
class Tasks {
 public:
  Tasks(const Patterns& patterns, const Cost& cost, Index many, Index most) : patterns_(patterns) {
    const Index n = patterns.starts[patterns.count];
    const double total =
        cost.pattern * static_cast<double>(patterns.count) + cost.row * static_cast<double>(n);
    // a thread needs about 100 microseconds of work
    count_ = std::clamp<Index>(static_cast<Index>(total / 400000), 1, std::min(kSlots, most));
    begin_.push_back({0, 0});
    double done = 0;
    for (Index p = 0; p < patterns.count; ++p) {
      const Index first = patterns.starts[p], rows = patterns.starts[p + 1] - first;
      const double here = cost.pattern + cost.row * static_cast<double>(rows);
      while (done + here >= next(total)) {
        Index at = static_cast<Index>((next(total) - done - cost.pattern) / cost.row);
        at = at / many * many;
        if (rows < many || at <= 0) at = 0;
        if (at >= rows || static_cast<Index>(begin_.size()) >= count_) break;
        begin_.push_back({p, first + at});
      }
      done += here;
    }
    while (static_cast<Index>(begin_.size()) < count_) begin_.push_back({patterns.count, n});
    begin_.push_back({patterns.count, n});
  }

  Index count() const { return count_; }

  // Runs body(segment) for each pattern of a task.
  template <class Body>
  void each(Index task, Body&& body) const {
    const Place& from = begin_[static_cast<std::size_t>(task)];
    const Index end = begin_[static_cast<std::size_t>(task + 1)].row;
    for (Index p = from.pattern; p < patterns_.count && patterns_.starts[p] < end; ++p) {
      const Segment s{std::max(patterns_.starts[p], from.row),
                      std::min(patterns_.starts[p + 1], end)};
      if (s.begin < s.end) body(s);
    }
  }

 private:
  struct Place {
    Index pattern, row;
  };

  // Called before each task starts.
  double next(double total) const {
    return total * static_cast<double>(begin_.size()) / static_cast<double>(count_);
  }

  const Patterns& patterns_;
  Index count_;
  std::vector<Place> begin_;
};

}  // namespace gibbous::gmm::missing
