// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/lda_measure.hpp"
#include "gibbous/simd.hpp"

namespace gibbous::lda {
namespace {

// Words that a pass takes together: they share the loads of theta and of the sums.
constexpr Index kGroup = 4;

// Up to this many topics all are active: choosing some costs more than it saves.
constexpr Index kFew = 128;

// Passes over all topics before the active ones are chosen. From the uniform distribution the first
// tells little.
constexpr int kOpening = 3;

// A topic is active if the document is expected to have this many tokens of it, or if it still
// gains: a topic whose gain is below kGain of the document stays at alpha_k / (mass - gain_k).
constexpr double kTokens = 0.05, kGain = 0.8;

// The residual of the active topics goes this far below that of all topics at the last look.
constexpr double kDeeper = 0.05;

// An extrapolation whose residual is this many times that before it is taken back.
constexpr double kStray = 4;

// A stored value costs a sparse pass about this many elements of a dense one.
constexpr Index kSparseCost = 6;

// Below this tolerance single precision cannot tell whether it was reached.
constexpr double kSingle = 2e-6;

template <class T>
GIBBOUS_INLINE Index padded(Index n) {
  return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

// The active topics of one document, and its words over them: as a dense block, or where that is
// cheaper as sparse values over the floor.
//
// theta, alpha and the like have one entry an active topic and are padded with zeros. An EM step is
// theta_k <- (alpha_k + theta_k gain_k) / mass with gain_k = sum_w n_w phi_kw / q_w.
template <class T>
struct Active {
  std::vector<Index> topics;
  Buffer<T> theta, alpha, floor, gain, first, second;
  Buffer<T> counts, elsewhere;  // (words): n_w, and what q_w has from topics that are not active
  Buffer<T> phi;                // (words, stride) where dense
  std::vector<std::size_t> starts;  // where sparse: offsets of words into slots and values
  std::vector<Index32> slots;
  std::vector<T> values;
  Index stride = 0, words = 0;
  bool dense = true;

  void resize(Index n_words, bool as_block) {
    dense = as_block;
    stride = padded<T>(static_cast<Index>(topics.size()));
    words = (n_words + kGroup - 1) / kGroup * kGroup;
    const auto k = static_cast<std::size_t>(stride), n = static_cast<std::size_t>(words);
    for (Buffer<T>* row : {&theta, &alpha, &floor, &gain, &first, &second}) row->assign(k, T(0));
    counts.assign(n, T(0));
    elsewhere.assign(n, T(0));
    starts.assign(1, 0);
    slots.clear();
    values.clear();
    if (dense && phi.size() < k * n) phi.resize(k * n);
  }

  T* row(Index u) { return phi.data() + u * stride; }

  void pass(const T* at) {
    std::fill(gain.begin(), gain.end(), T(0));
    if (dense)
      dense_pass(at);
    else
      sparse_pass(at);
  }

  static T ratio(T count, T q) { return count > T(0) && q > T(0) ? count / q : T(0); }

  void sparse_pass(const T* at) {
    Vec<T> under{};
    for (Index a = 0; a < stride; a += kLanes<T>) under += load(at + a) * load(floor.data() + a);
    const T base = lane_sum<T>(under);
    T everywhere = 0;
    for (std::size_t u = 0; u + 1 < starts.size(); ++u) {
      T q[2] = {base + elsewhere[u], 0};
      std::size_t e = starts[u];
      const std::size_t end = starts[u + 1];
      for (; e + 1 < end; e += 2) {
        q[0] += at[slots[e]] * values[e];
        q[1] += at[slots[e + 1]] * values[e + 1];
      }
      if (e < end) q[0] += at[slots[e]] * values[e];
      const T r = ratio(counts[u], q[0] + q[1]);
      everywhere += r;
      for (e = starts[u]; e < end; ++e) gain[static_cast<std::size_t>(slots[e])] += r * values[e];
    }
    const Vec<T> r = splat<T>(everywhere);
    for (Index a = 0; a < stride; a += kLanes<T>)
      store(gain.data() + a, load(gain.data() + a) + r * load(floor.data() + a));
  }

  // gain from `at`.
  void dense_pass(const T* at) {
    for (Index u = 0; u < words; u += kGroup) {
      const T* p = row(u);
      Vec<T> dot[kGroup] = {}, scale[kGroup];
      for (Index a = 0; a < stride; a += kLanes<T>) {
        const Vec<T> t = load(at + a);
        GIBBOUS_UNROLL
        for (Index g = 0; g < kGroup; ++g) dot[g] += t * load(p + g * stride + a);
      }
      GIBBOUS_UNROLL
      for (Index g = 0; g < kGroup; ++g) {
        const auto w = static_cast<std::size_t>(u + g);
        scale[g] = splat<T>(ratio(counts[w], elsewhere[w] + lane_sum<T>(dot[g])));
      }
      for (Index a = 0; a < stride; a += kLanes<T>) {
        Vec<T> s = load(gain.data() + a);
        GIBBOUS_UNROLL
        for (Index g = 0; g < kGroup; ++g) s += scale[g] * load(p + g * stride + a);
        store(gain.data() + a, s);
      }
    }
  }

  // to <- an EM step from `from`; returns the sum of absolute changes.
  T step(const T* from, T* to, T mass) {
    pass(from);
    const Vec<T> scale = splat<T>(T(1) / mass);
    Vec<T> change{};
    for (Index a = 0; a < stride; a += kLanes<T>) {
      const Vec<T> old = load(from + a);
      const Vec<T> fresh = (load(alpha.data() + a) + old * load(gain.data() + a)) * scale;
      const Vec<T> moved = fresh - old;
      change += vmax(moved, -moved);
      store(to + a, fresh);
    }
    return lane_sum<T>(change);
  }

  // Squared extrapolation (Varadhan and Roland 2008, scheme S3) from theta and two EM steps.
  void extrapolate(T mass) {
    Vec<T> rr{}, vv{};
    for (Index a = 0; a < stride; a += kLanes<T>) {
      const Vec<T> r = load(first.data() + a) - load(theta.data() + a);
      const Vec<T> v = load(second.data() + a) - load(first.data() + a) - r;
      rr += r * r;
      vv += v * v;
    }
    const T curve = lane_sum<T>(vv);
    const T length = curve > T(0) ? std::sqrt(lane_sum<T>(rr) / curve) : T(1);
    const T s = std::max(T(1), length);
    const Vec<T> twice = splat<T>(2 * s), square = splat<T>(s * s), least = splat<T>(T(1) / mass);
    for (Index a = 0; a < stride; a += kLanes<T>) {
      const Vec<T> t = load(theta.data() + a);
      const Vec<T> r = load(first.data() + a) - t;
      const Vec<T> v = load(second.data() + a) - load(first.data() + a) - r;
      // no topic has less than its prior alone gives it
      store(theta.data() + a, vmax(t + twice * r + square * v, load(alpha.data() + a) * least));
    }
  }

  // Iterates until an EM step changes theta by no more than `tolerance`, or `passes` are used up.
  // Returns the last change.
  T settle(T mass, T tolerance, int& passes, const Worker& worker) {
    T before = std::numeric_limits<T>::max();
    bool leapt = false;
    while (true) {
      worker.checkpoint();
      T change = step(theta.data(), first.data(), mass);
      --passes;
      if (leapt && change > T(kStray) * before) {  // back to the EM step before
        std::swap(theta, second);
        leapt = false;
        continue;
      }
      if (change <= tolerance || passes <= 0) {
        std::swap(theta, first);
        return change;
      }
      before = change;
      change = step(first.data(), second.data(), mass);
      --passes;
      if (change <= tolerance || passes <= 0) {
        std::swap(theta, second);
        return change;
      }
      extrapolate(mass);
      leapt = true;
    }
  }
};

// What one worker holds for the document at hand.
template <class T>
class Solver {
 public:
  Solver(const TopicWord& phi, const double* alpha, const FixedPoint& how)
      : phi_(phi), how_(how), slots_(static_cast<std::size_t>(phi.k), -1) {
    const auto size = static_cast<std::size_t>(padded<T>(phi.k));
    for (Buffer<T>* row : {&alpha_, &floor_, &theta_, &gain_}) row->assign(size, T(0));
    std::copy_n(alpha, phi.k, alpha_.data());
    std::copy_n(phi.floor, phi.k, floor_.data());
    for (Index k = 0; k < phi.k; ++k) {
      prior_ += alpha[k];
      floors_ += phi.floor[k];
    }
  }

  // Returns whether the tolerance was reached; the distribution is in theta().
  bool run(const Documents& docs, Index d, const Worker& worker) {
    const Index64 first = docs.indptr[d];
    words_ = docs.words + first;
    types_ = docs.indptr[d + 1] - first;
    count(docs.counts + first);
    if (mass_ <= prior_) {
      std::copy(alpha_.begin(), alpha_.end(), theta_.begin());
      return true;
    }
    return phi_.k <= kFew ? run_all(worker) : run_some(worker);
  }

  const T* theta() const { return theta_.data(); }

 private:
  // Counts of the words, without those that no topic can emit.
  void count(const Count* counts) {
    counts_.assign(counts, counts + types_);
    double tokens = 0;
    for (Index u = 0; u < types_; ++u) {
      const float* begin = phi_.values + phi_.indptr[words_[u]];
      const float* end = phi_.values + phi_.indptr[words_[u] + 1];
      if (!(floors_ > 0) && std::none_of(begin, end, [](float v) { return v > 0; }))
        counts_[static_cast<std::size_t>(u)] = T(0);
      tokens += static_cast<double>(counts_[static_cast<std::size_t>(u)]);
    }
    mass_ = prior_ + tokens;
  }

  bool run_all(const Worker& worker) {
    active_.topics.resize(static_cast<std::size_t>(phi_.k));
    for (Index k = 0; k < phi_.k; ++k) active_.topics[static_cast<std::size_t>(k)] = k;
    std::fill_n(theta_.data(), phi_.k, T(1) / static_cast<T>(phi_.k));
    gather();
    int passes = how_.max_iter;
    const T change =
        active_.settle(static_cast<T>(mass_), static_cast<T>(how_.tolerance), passes, worker);
    std::copy_n(active_.theta.data(), phi_.k, theta_.data());
    return static_cast<double>(change) <= how_.tolerance;
  }

  bool run_some(const Worker& worker) {
    const auto mass = static_cast<T>(mass_);
    std::fill_n(theta_.data(), phi_.k, T(1) / static_cast<T>(phi_.k));
    int passes = how_.max_iter;
    double change = 0;
    for (int opening = 0; passes > 0; ++opening) {
      worker.checkpoint();
      pass_all();
      --passes;
      change = 0;
      for (Index k = 0; k < phi_.k; ++k) {
        const auto i = static_cast<std::size_t>(k);
        const T fresh = (alpha_[i] + theta_[i] * gain_[i]) / mass;
        change += std::abs(static_cast<double>(fresh - theta_[i]));
        theta_[i] = fresh;
      }
      if (change <= how_.tolerance) return true;
      if (opening + 1 < kOpening || passes <= 1) continue;
      choose();
      gather();
      const double deep = std::max(kDeeper * change, 0.5 * how_.tolerance);
      --passes;  // one is kept for a look at all topics
      active_.settle(mass, static_cast<T>(deep), passes, worker);
      passes = std::max(passes, 0) + 1;
      for (std::size_t i = 0; i < active_.topics.size(); ++i)
        theta_[static_cast<std::size_t>(active_.topics[i])] = active_.theta[i];
    }
    return false;
  }

  // gain_ from theta_ for all topics: the floor is added to all words at once.
  void pass_all() {
    T base = 0, everywhere = 0;
    for (Index k = 0; k < phi_.k; ++k)
      base += theta_[static_cast<std::size_t>(k)] * floor_[static_cast<std::size_t>(k)];
    std::fill(gain_.begin(), gain_.end(), T(0));
    for (Index u = 0; u < types_; ++u) {
      const T n = counts_[static_cast<std::size_t>(u)];
      if (!(n > T(0))) continue;
      const Index64 begin = phi_.indptr[words_[u]], end = phi_.indptr[words_[u] + 1];
      T q[4] = {base, 0, 0, 0};
      Index64 e = begin;
      for (; e + 3 < end; e += 4) {
        GIBBOUS_UNROLL
        for (int i = 0; i < 4; ++i)
          q[i] += theta_[phi_.topics[e + i]] * static_cast<T>(phi_.values[e + i]);
      }
      for (; e < end; ++e) q[0] += theta_[phi_.topics[e]] * static_cast<T>(phi_.values[e]);
      const T r = Active<T>::ratio(n, (q[0] + q[1]) + (q[2] + q[3]));
      everywhere += r;
      for (e = begin; e < end; ++e) gain_[phi_.topics[e]] += r * static_cast<T>(phi_.values[e]);
    }
    for (Index k = 0; k < phi_.k; ++k)
      gain_[static_cast<std::size_t>(k)] += everywhere * floor_[static_cast<std::size_t>(k)];
  }

  // Chooses the active topics and puts all others where their gain leaves them.
  void choose() {
    active_.topics.clear();
    for (Index k = 0; k < phi_.k; ++k) {
      const auto i = static_cast<std::size_t>(k);
      const double gain = static_cast<double>(gain_[i]);
      const double tokens = static_cast<double>(theta_[i]) * mass_ - static_cast<double>(alpha_[i]);
      if (tokens > kTokens || gain > kGain * mass_)
        active_.topics.push_back(k);
      else
        theta_[i] = static_cast<T>(static_cast<double>(alpha_[i]) / (mass_ - gain));
    }
  }

  // Gives the active topics the words of the document.
  void gather() {
    Active<T>& a = active_;
    const auto k = static_cast<Index>(a.topics.size());
    Index64 stored = 0;
    for (Index u = 0; u < types_; ++u)
      stored += phi_.indptr[words_[u] + 1] - phi_.indptr[words_[u]];
    // of the stored values about the share of the active topics is theirs, or more
    a.resize(types_, types_ * k <= kSparseCost * stored);
    T base = 0;
    for (std::size_t i = 0; i < theta_.size(); ++i) base += theta_[i] * floor_[i];
    for (std::size_t i = 0; i < a.topics.size(); ++i) {
      const auto t = static_cast<std::size_t>(a.topics[i]);
      slots_[t] = static_cast<Index32>(i);
      a.theta[i] = theta_[t];
      a.alpha[i] = alpha_[t];
      a.floor[i] = floor_[t];
      base -= theta_[t] * floor_[t];
    }
    base = k == phi_.k ? T(0) : std::max(base, T(0));
    for (Index u = 0; u < types_; ++u) {
      a.counts[static_cast<std::size_t>(u)] = counts_[static_cast<std::size_t>(u)];
      a.elsewhere[static_cast<std::size_t>(u)] = base + (a.dense ? fill(u) : append(u));
    }
    if (a.dense) std::fill(a.row(types_), a.row(a.words), T(0));
    for (const Index t : a.topics) slots_[static_cast<std::size_t>(t)] = -1;
  }

  // Both return what topics that are not active add to the word beside their floors.
  T fill(Index u) {
    T* row = active_.row(u);
    std::copy(active_.floor.begin(), active_.floor.end(), row);
    T elsewhere = 0;
    for (Index64 e = phi_.indptr[words_[u]]; e < phi_.indptr[words_[u] + 1]; ++e) {
      const Topic k = phi_.topics[e];
      const auto value = static_cast<T>(phi_.values[e]);
      if (slots_[k] >= 0)
        row[slots_[k]] += value;
      else
        elsewhere += theta_[k] * value;
    }
    return elsewhere;
  }
  T append(Index u) {
    Active<T>& a = active_;
    T elsewhere = 0;
    for (Index64 e = phi_.indptr[words_[u]]; e < phi_.indptr[words_[u] + 1]; ++e) {
      const Topic k = phi_.topics[e];
      const auto value = static_cast<T>(phi_.values[e]);
      if (slots_[k] >= 0) {
        a.slots.push_back(slots_[k]);
        a.values.push_back(value);
      } else {
        elsewhere += theta_[k] * value;
      }
    }
    a.starts.push_back(a.slots.size());
    return elsewhere;
  }

  TopicWord phi_;
  FixedPoint how_;
  double prior_ = 0, floors_ = 0, mass_ = 0;
  Buffer<T> alpha_, floor_, theta_, gain_;
  std::vector<Index32> slots_;
  Active<T> active_;
  std::vector<T> counts_;
  const Index32* words_ = nullptr;
  Index types_ = 0;
};

template <class T>
Index infer_in(const Execution& run, const Documents& docs, const TopicWord& phi,
               const double* alpha, const FixedPoint& how, const Shares& out) {
  // More tasks than threads, as work differs from document to document; large enough to pay for
  // the scratch of a solver.
  const Index tasks = std::max<Index>(1, docs.n / 32);
  std::vector<Index> open(static_cast<std::size_t>(tasks), 0);
  parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
    Solver<T> solver(phi, alpha, how);
    const Range own = slot_range(docs.n, tasks, task);
    for (Index d = own.begin; d < own.end; ++d) {
      open[static_cast<std::size_t>(task)] += !solver.run(docs, d, worker);
      const T* theta = solver.theta();
      double total = 0;
      for (Index k = 0; k < phi.k; ++k) total += static_cast<double>(theta[k]);
      if (out.dense) {
        for (Index k = 0; k < phi.k; ++k)
          out.dense[d * phi.k + k] = static_cast<double>(theta[k]) / total;
        continue;
      }
      Index found = 0;
      for (Index k = 0; k < phi.k; ++k) {
        const auto share = static_cast<float>(static_cast<double>(theta[k]) / total);
        if (share < out.threshold || found == out.capacity) continue;
        out.topics[d * out.capacity + found] = static_cast<Topic>(k);
        out.values[d * out.capacity + found++] = share;
      }
      out.found[d] = static_cast<Index32>(found);
    }
  });
  Index total = 0;
  for (const Index n : open) total += n;
  return total;
}

}  // namespace

Index infer(const Execution& run, const Documents& docs, const TopicWord& phi, const double* alpha,
            const FixedPoint& how, const Shares& out) {
  return how.tolerance >= kSingle ? infer_in<float>(run, docs, phi, alpha, how, out)
                                  : infer_in<double>(run, docs, phi, alpha, how, out);
}

}  // namespace gibbous::lda
