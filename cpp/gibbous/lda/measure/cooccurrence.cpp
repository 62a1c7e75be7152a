// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "gibbous/lda/measure/measures.hpp"

namespace gibbous::lda {
namespace {

// Limit in bytes on the private counters of all workers.
constexpr Index kRoom = Index{512} << 20;

constexpr Index kSteps = 65536;  // words between two polls of the interrupt: below a millisecond

struct Place {
  Index topic;
  int slot;
};

// For each word the lists that contain it.
class Places {
 public:
  Places(const Index32* lists, Index topics, Index top, Index vocabulary)
      : indptr_(static_cast<std::size_t>(vocabulary) + 1, 0) {
    for (Index i = 0; i < topics * top; ++i)
      if (lists[i] >= 0) ++indptr_[static_cast<std::size_t>(lists[i]) + 1];
    for (std::size_t w = 1; w < indptr_.size(); ++w) indptr_[w] += indptr_[w - 1];
    places_.resize(static_cast<std::size_t>(indptr_.back()));
    std::vector<Index> next(indptr_.begin(), indptr_.end() - 1);
    for (Index i = 0; i < topics * top; ++i)
      if (lists[i] >= 0)
        places_[static_cast<std::size_t>(next[static_cast<std::size_t>(lists[i])]++)] = {
            i / top, static_cast<int>(i % top)};
  }

  const Place* begin(Index32 w) const {
    return places_.data() + indptr_[static_cast<std::size_t>(w)];
  }
  const Place* end(Index32 w) const {
    return places_.data() + indptr_[static_cast<std::size_t>(w) + 1];
  }
  bool asked(Index32 w) const { return w >= 0 && begin(w) != end(w); }

 private:
  std::vector<Index> indptr_;
  std::vector<Place> places_;
};

// Counts windows of one text after the other. The words of a topic in a window are a mask; counters
// are updated only when the mask changes, by the number of windows for which it was unchanged.
class Counter {
 public:
  Counter(const Places& places, Index topics, Index top, Index vocabulary)
      : pairs(static_cast<std::size_t>(topics * top * top), 0),
        places_(places),
        top_(top),
        present_(static_cast<std::size_t>(vocabulary), 0),
        masks_(static_cast<std::size_t>(topics), 0),
        since_(static_cast<std::size_t>(topics), 0),
        listed_(static_cast<std::size_t>(topics), 0) {}

  // Returns the number of windows.
  Index64 text(const Index32* words, Index n, Index window, const Worker& worker) {
    if (n == 0) return 0;
    const Index width = window == 0 ? n : std::min(window, n);
    const Index windows = n - width + 1;
    for (Index i = 0; i < width; ++i) {
      if (i % kSteps == 0) worker.checkpoint();
      enter(words[i], 0);
    }
    for (Index first = 1; first < windows; ++first) {
      if (first % kSteps == 0) worker.checkpoint();
      const Index32 gone = words[first - 1], come = words[first + width - 1];
      if (gone == come) continue;
      leave(gone, first);
      enter(come, first);
    }
    for (const Index topic : touched_) {
      flush(topic, windows);
      masks_[static_cast<std::size_t>(topic)] = 0;
      listed_[static_cast<std::size_t>(topic)] = 0;
    }
    touched_.clear();
    for (Index i = windows - 1; i < n; ++i)
      if (words[i] >= 0) present_[static_cast<std::size_t>(words[i])] = 0;
    return windows;
  }

  std::vector<Index64> pairs;

 private:
  void enter(Index32 w, Index64 now) {
    if (!places_.asked(w) || present_[static_cast<std::size_t>(w)]++ > 0) return;
    for (const Place* p = places_.begin(w); p != places_.end(w); ++p) {
      std::uint64_t& mask = masks_[static_cast<std::size_t>(p->topic)];
      char& listed = listed_[static_cast<std::size_t>(p->topic)];
      if (!listed) touched_.push_back(p->topic);
      listed = 1;
      flush(p->topic, now);
      mask |= std::uint64_t{1} << p->slot;
    }
  }

  void leave(Index32 w, Index64 now) {
    if (!places_.asked(w) || --present_[static_cast<std::size_t>(w)] > 0) return;
    for (const Place* p = places_.begin(w); p != places_.end(w); ++p) {
      flush(p->topic, now);
      masks_[static_cast<std::size_t>(p->topic)] &= ~(std::uint64_t{1} << p->slot);
    }
  }

  // Adds the windows since the mask of the topic last changed.
  void flush(Index topic, Index64 now) {
    const std::uint64_t mask = masks_[static_cast<std::size_t>(topic)];
    const Index64 stood = now - since_[static_cast<std::size_t>(topic)];
    since_[static_cast<std::size_t>(topic)] = now;
    if (mask == 0 || stood == 0) return;
    Index64* out = pairs.data() + topic * top_ * top_;
    for (std::uint64_t a = mask; a != 0; a &= a - 1) {
      const Index i = __builtin_ctzll(a);
      for (std::uint64_t b = a; b != 0; b &= b - 1) out[i * top_ + __builtin_ctzll(b)] += stood;
    }
  }

  const Places& places_;
  Index top_;
  std::vector<Index32> present_;  // per listed word, how often it is in the window
  std::vector<std::uint64_t> masks_;
  std::vector<Index64> since_;
  std::vector<char> listed_;  // whether the topic is marked as touched in this text
  std::vector<Index> touched_;
};

}  // namespace

Index64 count_pairs(const Execution& run, const Texts& texts, const Index32* lists, Index topics,
                    Index top, Index window, Index64* pairs) {
  const Places places(lists, topics, top, texts.vocabulary);
  const Index size = topics * top * top;
  // Integer sums: each worker can have its own, without an effect on the result.
  Execution some = run;
  some.threads = static_cast<int>(
      std::clamp<Index>(kRoom / (8 * std::max<Index>(size, 1)), 1, std::max(run.threads, 1)));
  std::vector<std::vector<Counter>> counters(static_cast<std::size_t>(some.threads));
  std::vector<Index64> windows(static_cast<std::size_t>(some.threads), 0);
  const Index tasks = slots(texts.n, 64);
  parallel_tasks(some, tasks, [&](Index task, const Worker& worker) {
    auto& own = counters[static_cast<std::size_t>(worker.index())];
    if (own.empty()) own.emplace_back(places, topics, top, texts.vocabulary);
    const Range range = slot_range(texts.n, tasks, task);
    for (Index t = range.begin; t < range.end; ++t) {
      if (t % 64 == 0) worker.checkpoint();
      windows[static_cast<std::size_t>(worker.index())] +=
          own[0].text(texts.words + texts.indptr[t],
                      static_cast<Index>(texts.indptr[t + 1] - texts.indptr[t]), window, worker);
    }
  });
  std::fill_n(pairs, size, Index64{0});
  for (const auto& own : counters)
    for (const Counter& counter : own)
      for (Index i = 0; i < size; ++i) pairs[i] += counter.pairs[static_cast<std::size_t>(i)];
  for (Index k = 0; k < topics; ++k)  // only one half was counted
    for (Index i = 0; i < top; ++i)
      for (Index j = 0; j < i; ++j) pairs[(k * top + i) * top + j] = pairs[(k * top + j) * top + i];
  Index64 total = 0;
  for (const Index64 n : windows) total += n;
  return total;
}

}  // namespace gibbous::lda
