// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "gibbous/ground/simd.hpp"
#include "gibbous/lda/measure/measures.hpp"

namespace gibbous::lda {
namespace {

// Vectors of words that a dense pass processes together: as many sums as fit into registers.
constexpr int kWide = 8;

// Up to this many topics all are active: selecting some costs more than it saves.
constexpr Index kFew = 128;

// Passes over all topics before the active ones are selected. The first pass, from the uniform
// distribution, is not informative.
constexpr int kOpening = 2;

// A topic becomes active if the document is expected to have this many tokens of it, or if it still
// gains: one whose gain is below kGain of the mass stays at alpha_k / (mass - gain_k). Inactive
// topics are updated at the same time and may overtake each other; if the residual has not
// decreased to kProgress of that at the last check, more of them become active, eventually all.
// Measured on 20 Newsgroups with 1000 topics, where 65 are active on average: kTokens from 0.1 to
// 0.5, and kDeeper from 0.01 to 0.05, cost the same within a tenth; kTokens = 0.01 twice as much.
constexpr double kTokens = 0.2, kGain = 0.8, kProgress = 0.25;

// The residual of the active topics is reduced to this share of that of all topics at the last
// check.
constexpr double kDeeper = 0.02;

// An extrapolation that increases the residual by this factor is undone.
constexpr double kStray = 4;

// Cost of a stored value in a sparse pass, in elements of a dense one.
constexpr Index kSparseCost = 8;

// Distance in rows at which memory is prefetched.
constexpr std::size_t kAhead = 8;

// Below this tolerance single precision cannot show convergence. With many similar topics it may
// stall above that: after kSinglePasses a document is finished in double precision.
constexpr double kSingle = 2e-6;
constexpr int kSinglePasses = 200;

template <class T>
GIBBOUS_INLINE Index padded(Index n) {
  return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

// The active topics of one document, and the probabilities of its words under them: as dense blocks
// or, if that is cheaper, as sparse values over the floor.
//
// theta, alpha and similar arrays have one entry per active topic and are padded with zeros. An EM
// step is theta_k <- (alpha_k + theta_k gain_k) / mass with gain_k = sum_w n_w phi_kw / q_w.
//
// A dense block holds kWide vectors of words for every topic, words as lanes: sums over topics stay
// in registers, and there is one sum over lanes per topic instead of one per word.
template <class T>
struct Active {
  static constexpr Index kBlock = kWide * kLanes<T>;

  std::vector<Index> topics;
  Buffer<T> theta, alpha, floor, gain, first, second;
  Buffer<T> counts, elsewhere;      // (words): n_w, and the contribution of inactive topics to q_w
  Buffer<T> phi;                    // (blocks, topics, kBlock) if dense, shorter in the last block
  std::vector<std::size_t> starts;  // if sparse: offsets of words into slots and values
  std::vector<Index32> slots;
  std::vector<T> values;
  Index words = 0;
  bool dense = true;

  void resize(Index n_words, bool as_block) {
    dense = as_block;
    words = padded<T>(n_words);
    const std::size_t k = topics.size(), n = static_cast<std::size_t>(words);
    const auto row_size = static_cast<std::size_t>(padded<T>(static_cast<Index>(k)));
    for (Buffer<T>* row : {&theta, &alpha, &floor, &gain, &first, &second})
      row->assign(row_size, T(0));
    counts.assign(n, T(0));
    elsewhere.assign(n, T(0));
    starts.assign(1, 0);
    slots.clear();
    values.clear();
    if (dense && phi.size() < (k + 1) * n) phi.resize((k + 1) * n);
  }

  // Number of words of the block with word u, and the start of the block.
  Index width(Index u) const { return std::min(kBlock, words - u / kBlock * kBlock); }
  T* block(Index u) {
    return phi.data() + u / kBlock * kBlock * (static_cast<Index>(topics.size()) + 1);
  }

  // Sets all probabilities of the dense blocks to the floors of their topics.
  void fill_floors() {
    for (Index u = 0; u < words; u += kBlock) {
      const Index wide = width(u);
      T* row = block(u);
      for (std::size_t k = 0; k < topics.size(); ++k, row += wide)
        for (Index a = 0; a < wide; a += kLanes<T>) store(row + a, splat<T>(floor[k]));
    }
  }

  void pass(const T* at) {
    if (!dense) return sparse_pass(at);
    std::fill(gain.begin(), gain.end(), T(0));
    for (Index u = 0; u < words; u += kBlock) {
      switch (width(u) / kLanes<T>) {
        case 1: block_pass<1>(at, u); break;
        case 2: block_pass<2>(at, u); break;
        case 3: block_pass<3>(at, u); break;
        case 4: block_pass<4>(at, u); break;
        case 5: block_pass<5>(at, u); break;
        case 6: block_pass<6>(at, u); break;
        case 7: block_pass<7>(at, u); break;
        default: block_pass<kWide>(at, u);
      }
    }
  }

  // Adds the gains from N vectors of words.
  template <int N>
  void block_pass(const T* at, Index u) {
    const T* p = block(u);
    const auto k = static_cast<Index>(topics.size());
    Vec<T> q[N];
    GIBBOUS_UNROLL
    for (int i = 0; i < N; ++i) q[i] = load(elsewhere.data() + u + i * kLanes<T>);
    const T* row = p;
    for (Index t = 0; t < k; ++t, row += N * kLanes<T>) {
      const Vec<T> share = splat<T>(at[t]);
      GIBBOUS_UNROLL
      for (int i = 0; i < N; ++i) q[i] += share * load(row + i * kLanes<T>);
    }
    GIBBOUS_UNROLL
    for (int i = 0; i < N; ++i) {
      const Vec<T> n = load(counts.data() + u + i * kLanes<T>);
      // padding and words with probability 0 under all topics have count 0
      q[i] = q[i] > std::numeric_limits<T>::min() ? n / q[i] : Vec<T>{};
    }
    row = p;
    Index t = 0;
    for (; t + 3 < k; t += 4, row += 4 * N * kLanes<T>) {
      Vec<T> s[4];
      GIBBOUS_UNROLL
      for (int g = 0; g < 4; ++g) {
        s[g] = q[0] * load(row + g * N * kLanes<T>);
        GIBBOUS_UNROLL
        for (int i = 1; i < N; ++i) s[g] += q[i] * load(row + (g * N + i) * kLanes<T>);
      }
      add_lane_sums<T>(s, gain.data() + t);
    }
    for (; t < k; ++t, row += N * kLanes<T>) {
      Vec<T> s = q[0] * load(row);
      GIBBOUS_UNROLL
      for (int i = 1; i < N; ++i) s += q[i] * load(row + i * kLanes<T>);
      gain[static_cast<std::size_t>(t)] += lane_sum<T>(s);
    }
  }

  static T ratio(T count, T q) { return count > T(0) && q > T(0) ? count / q : T(0); }

  void sparse_pass(const T* at) {
    std::fill(gain.begin(), gain.end(), T(0));
    const auto stride = static_cast<Index>(floor.size());
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

  // to <- an EM step from `from`; returns the sum of absolute changes.
  T step(const T* from, T* to, T mass) {
    pass(from);
    const auto stride = static_cast<Index>(theta.size());
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
    const auto stride = static_cast<Index>(theta.size());
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
      // no topic is below what its prior alone gives it
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
      if (leapt && change > T(kStray) * before) {  // undo: back to the previous EM step
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

// Workspace of one worker for the current document.
template <class T>
class Solver {
 public:
  Solver(const TopicWord& phi, const double* alpha, const FixedPoint& how)
      : phi_(phi), how_(how), slots_(static_cast<std::size_t>(phi.k)), chosen_(slots_.size()) {
    const auto size = static_cast<std::size_t>(padded<T>(phi.k));
    for (Buffer<T>* row : {&alpha_, &floor_, &theta_, &gain_, &rest_}) row->assign(size, T(0));
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
    open(docs.words + first, docs.counts + first, docs.indptr[d + 1] - first);
    if (mass_ <= prior_) {
      std::copy(alpha_.begin(), alpha_.end(), theta_.begin());
      return true;
    }
    return phi_.k <= kFew ? run_all(worker) : run_some(worker);
  }

  const T* theta() const { return theta_.data(); }

 private:
  // The stored values of a word.
  struct Row {
    const Topic* topics;
    const float* values;
    Index n;
  };

  // Sets the words of a document; a word with probability 0 under all topics gets count 0.
  void open(const Index32* words, const Count* counts, Index types) {
    types_ = types;
    rows_.resize(static_cast<std::size_t>(types));
    stored_ = 0;
    for (Index u = 0; u < types; ++u) {
      const Index64 from = phi_.indptr[words[u]];
      rows_[static_cast<std::size_t>(u)] = {phi_.topics + from, phi_.values + from,
                                            phi_.indptr[words[u] + 1] - from};
      stored_ += rows_[static_cast<std::size_t>(u)].n;
    }
    if (phi_.k > kFew) bring_near();
    counts_.assign(counts, counts + types);
    double tokens = 0;
    for (Index u = 0; u < types; ++u) {
      const auto i = static_cast<std::size_t>(u);
      const Row& row = rows_[i];
      if (!(floors_ > 0) &&
          std::none_of(row.values, row.values + row.n, [](float v) { return v > 0; }))
        counts_[i] = T(0);
      tokens += static_cast<double>(counts_[i]);
    }
    mass_ = prior_ + tokens;
  }

  // Copies the rows, which several passes will read, from scattered memory to contiguous memory.
  void bring_near() {
    near_topics_.resize(static_cast<std::size_t>(stored_));
    near_values_.resize(static_cast<std::size_t>(stored_));
    Topic* topics = near_topics_.data();
    float* values = near_values_.data();
    for (std::size_t u = 0; u < rows_.size(); ++u) {
      prefetch(u + kAhead);
      Row& row = rows_[u];
      row.topics = std::copy_n(row.topics, row.n, topics) - row.n;
      row.values = std::copy_n(row.values, row.n, values) - row.n;
      topics += row.n;
      values += row.n;
    }
  }

  // Prefetches the beginning of a row.
  void prefetch(std::size_t u) const {
    if (u >= rows_.size()) return;
    __builtin_prefetch(rows_[u].topics);
    __builtin_prefetch(rows_[u].values);
    __builtin_prefetch(rows_[u].values + 16);
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
    std::fill(chosen_.begin(), chosen_.end(), char(0));
    T tokens = T(kTokens), gain = T(kGain);
    double before = std::numeric_limits<double>::max();
    int passes = how_.max_iter;
    for (int looks = 1; passes > 0; ++looks) {
      worker.checkpoint();
      pass_all();
      --passes;
      const double change = step_all(mass);
      if (change <= how_.tolerance) return true;
      if (looks < kOpening || passes <= 1) continue;
      if (change > kProgress * before) {
        tokens *= T(0.25);
        gain *= T(0.75);
      } else {  // topics that turned out to be negligible are removed
        std::fill(chosen_.begin(), chosen_.end(), char(0));
      }
      before = change;
      choose(mass, tokens, gain);
      gather();
      const double deep = std::max(kDeeper * change, 0.5 * how_.tolerance);
      --passes;  // one is reserved for a check of all topics
      active_.settle(mass, static_cast<T>(deep), passes, worker);
      passes = std::max(passes, 0) + 1;
      std::copy(rest_.begin(), rest_.end(), theta_.begin());
      for (std::size_t i = 0; i < active_.topics.size(); ++i)
        theta_[static_cast<std::size_t>(active_.topics[i])] = active_.theta[i];
    }
    return false;
  }

  // An EM step of all topics; returns the sum of absolute changes.
  double step_all(T mass) {
    const Vec<T> scale = splat<T>(T(1) / mass);
    Vec<T> change{};
    for (std::size_t a = 0; a < theta_.size(); a += kLanes<T>) {
      const Vec<T> old = load(theta_.data() + a);
      const Vec<T> fresh = (load(alpha_.data() + a) + old * load(gain_.data() + a)) * scale;
      const Vec<T> moved = fresh - old;
      change += vmax(moved, -moved);
      store(theta_.data() + a, fresh);
    }
    return static_cast<double>(lane_sum<T>(change));
  }

  // gain_ from theta_ for all topics: the floor is added to all words at once.
  void pass_all() {
    const T base = dot(theta_, floor_);
    T everywhere = 0;
    std::fill(gain_.begin(), gain_.end(), T(0));
    T* gain = gain_.data();
    for (std::size_t u = 0; u < rows_.size(); ++u) {
      const Row row = rows_[u];
      const T r = Active<T>::ratio(counts_[u], base + dot(theta_, row));
      everywhere += r;
      for (Index e = 0; e < row.n; ++e) gain[row.topics[e]] += r * static_cast<T>(row.values[e]);
    }
    const Vec<T> r = splat<T>(everywhere);
    for (std::size_t a = 0; a < gain_.size(); a += kLanes<T>)
      store(gain_.data() + a, load(gain_.data() + a) + r * load(floor_.data() + a));
  }

  // Adds to the active topics those with more tokens, or more gain, than this; rest_ gets the fixed
  // point of all others given their gain.
  void choose(T mass, T tokens, T gain) {
    const Vec<T> whole = splat<T>(mass), least = splat<T>((1 - T(kGain)) * mass);
    for (std::size_t a = 0; a < rest_.size(); a += kLanes<T>) {
      const Vec<T> left = vmax(whole - load(gain_.data() + a), least);
      store(rest_.data() + a, load(alpha_.data() + a) / left);
    }
    active_.topics.clear();
    for (std::size_t k = 0; k < static_cast<std::size_t>(phi_.k); ++k) {
      if (!chosen_[k] && theta_[k] * mass - alpha_[k] <= tokens && gain_[k] <= gain * mass)
        continue;
      chosen_[k] = 1;
      active_.topics.push_back(static_cast<Index>(k));
      rest_[k] = 0;
    }
  }

  // Passes the words of the document to the active topics.
  void gather() {
    Active<T>& a = active_;
    const auto k = static_cast<Index>(a.topics.size());
    // the active topics have more than a proportional share of the stored values
    a.resize(types_, types_ * k <= kSparseCost * stored_);
    std::fill(slots_.begin(), slots_.end(), static_cast<Index32>(k));
    for (std::size_t i = 0; i < a.topics.size(); ++i) {
      const auto t = static_cast<std::size_t>(a.topics[i]);
      slots_[t] = static_cast<Index32>(i);
      a.theta[i] = theta_[t];
      a.alpha[i] = alpha_[t];
      a.floor[i] = floor_[t];
    }
    std::copy(counts_.begin(), counts_.end(), a.counts.begin());
    if (a.dense) a.fill_floors();
    const T base = k < phi_.k ? dot(rest_, floor_) : T(0);
    for (Index u = 0; u < types_; ++u) {
      const Row& row = rows_[static_cast<std::size_t>(u)];
      if (k == phi_.k) prefetch(static_cast<std::size_t>(u) + kAhead);
      if (k < phi_.k) a.elsewhere[static_cast<std::size_t>(u)] = base + dot(rest_, row);
      if (a.dense)
        fill(row, u);
      else
        append(row);
    }
  }

  static T dot(const Buffer<T>& x, const Buffer<T>& y) {
    Vec<T> s{};
    for (std::size_t a = 0; a < x.size(); a += kLanes<T>)
      s += load(x.data() + a) * load(y.data() + a);
    return lane_sum<T>(s);
  }
  // Dot product of a distribution over topics and the stored values of a word.
  static T dot(const Buffer<T>& x, const Row& row) {
    T s[4] = {};
    Index e = 0;
    for (; e + 3 < row.n; e += 4) {
      GIBBOUS_UNROLL
      for (int i = 0; i < 4; ++i) s[i] += x[row.topics[e + i]] * static_cast<T>(row.values[e + i]);
    }
    for (; e < row.n; ++e) s[0] += x[row.topics[e]] * static_cast<T>(row.values[e]);
    return (s[0] + s[1]) + (s[2] + s[3]);
  }

  // A word has a topic once, so that values need no accumulation. Inactive topics write into the
  // scratch row: a branch here would be mispredicted every third time.
  void fill(const Row& row, Index u) {
    const Index wide = active_.width(u);
    T* column = active_.block(u) + u % Active<T>::kBlock;
    for (Index e = 0; e < row.n; ++e) {
      const Topic k = row.topics[e];
      column[slots_[k] * wide] = floor_[k] + static_cast<T>(row.values[e]);
    }
  }
  void append(const Row& row) {
    Active<T>& a = active_;
    for (Index e = 0; e < row.n; ++e) {
      const Index32 slot = slots_[row.topics[e]];
      if (slot == static_cast<Index32>(a.topics.size())) continue;
      a.slots.push_back(slot);
      a.values.push_back(static_cast<T>(row.values[e]));
    }
    a.starts.push_back(a.slots.size());
  }

  TopicWord phi_;
  FixedPoint how_;
  double prior_ = 0, floors_ = 0, mass_ = 0;
  Buffer<T> alpha_, floor_, theta_, gain_;
  Buffer<T> rest_;  // theta of the inactive topics, 0 for active ones
  std::vector<Index32> slots_;
  std::vector<char> chosen_;  // whether a topic has been active for this document
  Active<T> active_;
  std::vector<T> counts_;
  std::vector<Row> rows_;
  std::vector<Topic> near_topics_;
  std::vector<float> near_values_;
  Index types_ = 0, stored_ = 0;
};

// Writes the result for one document.
template <class T>
void tell(const T* theta, Index d, Index topics, const Shares& out) {
  double total = 0;
  for (Index k = 0; k < topics; ++k) total += static_cast<double>(theta[k]);
  if (out.dense) {
    for (Index k = 0; k < topics; ++k)
      out.dense[d * topics + k] = static_cast<double>(theta[k]) / total;
    return;
  }
  Index found = 0;
  for (Index k = 0; k < topics; ++k) {
    const auto share = static_cast<float>(static_cast<double>(theta[k]) / total);
    if (share < out.threshold || found == out.capacity) continue;
    out.topics[d * out.capacity + found] = static_cast<Topic>(k);
    out.values[d * out.capacity + found++] = share;
  }
  out.found[d] = static_cast<Index32>(found);
}

}  // namespace

Index infer(const Execution& run, const Documents& docs, const TopicWord& phi, const double* alpha,
            const FixedPoint& how, const Shares& out) {
  const FixedPoint quick{std::min(how.max_iter, kSinglePasses), how.tolerance};
  // More tasks than threads, because the work differs between documents; large enough to justify
  // the workspaces of the solvers.
  const Index tasks = std::max<Index>(1, docs.n / 32);
  std::vector<Index> open(static_cast<std::size_t>(tasks), 0);
  parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
    Solver<float> single(phi, alpha, quick);
    std::optional<Solver<double>> twice;
    const Range own = slot_range(docs.n, tasks, task);
    for (Index d = own.begin; d < own.end; ++d) {
      if (how.tolerance >= kSingle && single.run(docs, d, worker)) {
        tell(single.theta(), d, phi.k, out);
        continue;
      }
      if (!twice) twice.emplace(phi, alpha, how);
      open[static_cast<std::size_t>(task)] += !twice->run(docs, d, worker);
      tell(twice->theta(), d, phi.k, out);
    }
  });
  Index total = 0;
  for (const Index n : open) total += n;
  return total;
}

}  // namespace gibbous::lda
