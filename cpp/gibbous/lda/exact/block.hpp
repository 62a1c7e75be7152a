// SPDX-License-Identifier: Apache-2.0
// Sampling the tokens of one block: the code shared by the dense and the sparse kernel.
//
// A kernel keeps q_k = (n_wk + beta_wk) / (n_k + sum_w beta_wk) of the current word and multiplies
// it by (n_dk + alpha_k). The cumulative sum of the products is kept per vector lane: to find the
// topic of a draw u, first a lane is chosen and then a position in it by bisection, without
// unpredictable branches.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "gibbous/ground/random_bulk.hpp"
#include "gibbous/lda/exact/state.hpp"

namespace gibbous::lda::exact {

using FloatLanes = Vec<float>;
using IntLanes = Vec<std::int32_t>;
inline constexpr Index kTopicLanes = kLanes<float>;

// Constants of a sweep: priors in padded rows, and the address of its draws.
struct Sweep {
  Sweep(const State& s, const Priors& priors, std::uint64_t seed, std::uint32_t iteration)
      : priors(priors),
        draws(seed, Purpose::lda_exact, iteration),
        alpha(at(s.stride()), 0.0f),
        beta_sum(at(s.stride()), 1.0) {
    for (Index k = 0; k < s.topics; ++k) {
      alpha[at(k)] = static_cast<float>(priors.alpha[k]);
      beta_sum[at(k)] = priors.beta_sum[k];
    }
  }
  const Priors& priors;
  BulkStream draws;
  Buffer<float> alpha;
  Buffer<double> beta_sum;
};

// Uniforms on [0, 1) with 53 random bits for up to kDraws consecutive tokens. Two tokens share an
// item of the stream.
inline constexpr Index kDraws = 2 * kGroupItems - 1;

class Draws {
 public:
  void make(const BulkStream& stream, Index64 first_token, Index n) {
    const auto first = static_cast<std::uint64_t>(first_token);
    odd_ = first & 1;
    stream.group(first >> 1, (static_cast<Index>(odd_) + n + 1) >> 1, bits_);
  }
  GIBBOUS_INLINE double operator[](Index i) const {
    const std::uint64_t t = odd_ + static_cast<std::uint64_t>(i);
    const std::uint32_t* word = bits_ + 2 * kGroupItems * (t & 1) + (t >> 1);
    const std::uint64_t u = (std::uint64_t{word[0]} << 21) | (word[kGroupItems] >> 11);
    return static_cast<double>(static_cast<std::int64_t>(u)) * 0x1p-53;
  }

 private:
  std::uint64_t odd_ = 0;
  alignas(64) std::uint32_t bits_[kGroupWords];
};

namespace detail {
// Adds lane (i - i mod 2 S + S - 1) to every lane i with bit S set.
template <int S, int... I>
GIBBOUS_INLINE FloatLanes scan_step(FloatLanes v, std::integer_sequence<int, I...>) {
  constexpr int L = kLanes<float>;
  return v +
         __builtin_shufflevector(v, FloatLanes{}, ((I & S) ? (I & ~(2 * S - 1)) + S - 1 : L)...);
}
template <int S = 1>
GIBBOUS_INLINE FloatLanes scan(FloatLanes v) {
  if constexpr (S < kLanes<float>)
    return scan<2 * S>(scan_step<S>(v, std::make_integer_sequence<int, kLanes<float>>{}));
  else
    return v;
}
}  // namespace detail

// Cumulative sums of lanes 0 to i.
GIBBOUS_INLINE FloatLanes lane_scan(FloatLanes v) { return detail::scan<>(v); }

// Finds the weight selected by a draw from cumulative sums of the weights by lane: weight (v, l) is
// the v-th one added to lane l, and sums[v * lanes + l] is the sum of lane l after that.
class Picker {
 public:
  // last: the final sums of the lanes.
  GIBBOUS_INLINE explicit Picker(FloatLanes last) : edges_(lane_scan(last)) {}
  GIBBOUS_INLINE double total() const { return static_cast<double>(edges_[kTopicLanes - 1]); }

  // 0 <= u < total(); `vectors` weights were added to every lane.
  GIBBOUS_INLINE Index pick(const float* sums, double u, Index vectors) const {
    const auto below = lane_mask(edges_ <= splat(static_cast<float>(u)));
    const Index lane = std::min<Index>(__builtin_popcount(below), kTopicLanes - 1);
    alignas(64) float edge[kTopicLanes + 1];
    edge[0] = 0;
    store(edge + 1, edges_);
    // if rounding moved u across an edge, no position has its weight below 0
    const float rest = std::max(static_cast<float>(u - static_cast<double>(edge[lane])), 0.0f);
    const float* column = sums + lane;
    Index low = 0;
    for (Index n = vectors; n > 1;) {
      const Index half = n / 2;
      low = column[(low + half - 1) * kTopicLanes] > rest ? low : low + half;
      n -= half;
    }
    if (__builtin_expect(!(column[low * kTopicLanes] > rest), 0))
      return last_positive(sums, lane, vectors);
    return low * kTopicLanes + lane;
  }

 private:
  // Rounding moved u past the end of a lane: the last nonzero weight, of this lane or an adjacent
  // one.
  __attribute__((noinline)) static Index last_positive(const float* sums, Index lane,
                                                       Index vectors) {
    for (Index turn = 0; turn < kTopicLanes; ++turn) {
      const Index l = (lane - turn + kTopicLanes) % kTopicLanes;
      for (Index v = vectors - 1; v >= 0; --v) {
        const float before = v > 0 ? sums[(v - 1) * kTopicLanes + l] : 0.0f;
        if (sums[v * kTopicLanes + l] > before) return v * kTopicLanes + l;
      }
    }
    return 0;
  }

  FloatLanes edges_;  // sums of lanes 0 to i
};

GIBBOUS_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }

// Tables by topic of the block and the current word. Kernels copy the struct of pointers into their
// loops: compilers keep a local struct in registers, but must assume that any store may change a
// member.
struct Tables {
  double* total;           // n_k as seen by this block: integers, so exact
  const double* beta_sum;  // sum of beta_wk over the words
  float* inverse;          // 1 / (n_k + beta_sum_k)
  const float* beta;       // beta_wk
  Count* n_wk;
  float* q;  // (n_wk + beta_wk) / (n_k + beta_sum_k); 0 beyond the topics

  GIBBOUS_INLINE float inverse_of(Index k) const {
    return 1.0f / static_cast<float>(total[k] + beta_sum[k]);
  }
  // Adds or removes one token of the word in topic k; returns the new q_k.
  GIBBOUS_INLINE float change(Index k, Count by) const {
    const Count n = n_wk[k] += by;
    total[k] += by;
    const float inv = inverse_of(k);
    inverse[k] = inv;
    return (static_cast<float>(n) + beta[k]) * inv;
  }
};

// The tables of one worker, with the steps at the beginning and end of a block and a word.
class Desk {
 public:
  // topics: exceeds every index that a vector reads, in use or not.
  Desk(State& s, const Sweep& sweep, Index topics)
      : s(s),
        sweep(sweep),
        total_(at(s.stride())),
        inverse_(at(s.stride()), 0.0f),
        q_(at(std::max(s.stride(), topics)), 0.0f),
        beta_(at(s.stride()), 0.0f),
        counts_(at(s.stride()), 0),
        t{total_.data(), sweep.beta_sum.data(), inverse_.data(),
          beta_.data(),  counts_.data(),        q_.data()} {
    std::fill_n(beta_.begin(), s.topics, static_cast<float>(sweep.priors.beta));
  }

  State& s;
  const Sweep& sweep;
  Draws draws;

  // totals (topics): IN n_k before the diagonal.
  void open(const std::vector<Index64>& totals) {
    start_ = &totals;
    for (Index k = 0; k < s.topics; ++k) {
      t.total[k] = static_cast<double>(totals[at(k)]);
      t.inverse[k] = t.inverse_of(k);
    }
  }
  // Adds the changes of the block to the totals of the corpus: integers, so the order does not
  // matter.
  void close() {
    for (Index k = 0; k < s.topics; ++k) {
      const Index64 change = static_cast<Index64>(t.total[k]) - (*start_)[at(k)];
      if (change) __atomic_fetch_add(&s.totals[at(k)], change, __ATOMIC_RELAXED);
    }
  }

 protected:
  static bool is_shared(const State& s, const Word& word) {
    return word.kept >= 0 && word.kept < static_cast<Index32>(s.shared.size());
  }
  // n_wk of a word with stored counts.
  void use_kept(const Word& word) {
    t.n_wk = s.kept_row(word.kept);
    if (!is_shared(s, word)) return;
    const Count* before = s.frozen.data() + word.kept * s.stride();
    std::copy(before, before + s.stride(), counts_.begin());
    t.n_wk = counts_.data();
  }
  void leave_kept(const Word& word) {
    if (!is_shared(s, word)) return;
    const Count* before = s.frozen.data() + word.kept * s.stride();
    Count* kept = s.kept_row(word.kept);
    for (Index k = 0; k < s.topics; ++k)
      if (counts_[at(k)] != before[k])
        __atomic_fetch_add(kept + k, counts_[at(k)] - before[k], __ATOMIC_RELAXED);
    std::fill(counts_.begin(), counts_.end(), 0);
  }
  // n_wk of a word without: all 0, to be counted, and reset to 0 at the end.
  void use_scratch() { t.n_wk = counts_.data(); }
  // Calls visit(topic, value) for the seeds of a word.
  template <class Visit>
  void visit_seeds(const Word& word, Visit&& visit) const {
    const Priors& p = sweep.priors;
    if (!p.seed_indptr) return;
    for (Index64 e = p.seed_indptr[word.id]; e < p.seed_indptr[word.id + 1]; ++e)
      visit(static_cast<Index>(p.seed_topics[e]), p.seed_values[e]);
  }
  void seed(const Word& word) {
    visit_seeds(word, [&](Index k, float v) { beta_[at(k)] += v; });
  }
  void unseed(const Word& word) {
    const auto plain = static_cast<float>(sweep.priors.beta);
    visit_seeds(word, [&](Index k, float) { beta_[at(k)] = plain; });
  }

 private:
  Buffer<double> total_;
  Buffer<float> inverse_, q_, beta_;
  Buffer<Count> counts_;  // n_wk of a word without stored counts, else 0
  const std::vector<Index64>* start_ = nullptr;

 protected:
  Tables t;
};

// Offsets of the words of a group before its first block is sampled.
inline void find_cursors(State& s, Index g, Index h) {
  for (Index v = s.group_words[at(h)]; v < s.group_words[at(h + 1)]; ++v)
    s.words[at(v)].cursor = s.run_of(v, g).begin;
}

// Prefetches what the words after v will need.
template <class Kernel>
GIBBOUS_INLINE void prefetch_words(const State& s, const Kernel& kernel, Index v, Index g) {
  const auto begin = [&](const Word& w) { return g == 0 ? w.begin : w.cursor; };
  const auto last = static_cast<Index>(s.words.size()) - 1;
  if (v + 6 < last) {
    const Index64 i = begin(s.words[at(v + 6)]);
    prefetch(s.row.data() + i);
    prefetch(s.z.data() + i);
  }
  if (v + 3 < last) kernel.prefetch_row(s.row[begin(s.words[at(v + 3)])]);
}

// The position of a kernel: a token of the current word, and a draw.
template <class Kernel>
struct ChainOf {
  Kernel* kernel;
  Index64 first;
  Index draw;
};

// Iterates over the tokens of document group g and word group h in the order of the words, a chunk
// at a time. `first`: no block of h was sampled before it in this sweep. At the end, also after an
// exception, the changes of the block are in the totals and in the counts of shared words.
template <class Kernel>
class BlockWalk {
 public:
  BlockWalk(Kernel& kernel, Index g, Index h, bool first, const std::vector<Index64>& totals,
            const Worker& worker)
      : kernel_(kernel),
        worker_(worker),
        g_(g),
        v_(kernel.s.group_words[at(h)]),
        v_end_(kernel.s.group_words[at(h + 1)]),
        limit_(kernel.s.row_limit(g)) {
    if (first) find_cursors(kernel.s, g, h);
    kernel.open(totals);
  }
  BlockWalk(const BlockWalk&) = delete;
  BlockWalk& operator=(const BlockWalk&) = delete;
  ~BlockWalk() {
    if (word_) kernel_.end_word(*word_);
    kernel_.close();
  }

  // Number of tokens of the current word whose draws are ready; 0 if the block is done.
  Index ready() {
    while (left_ == 0 && v_ < v_end_) {
      if (word_ && i_ < end_ && kernel_.s.row[i_] < limit_)
        draw();
      else
        next_word();
    }
    return left_;
  }
  typename Kernel::Chain chain() const { return {&kernel_, i_, drawn_}; }
  void take(Index n) {
    i_ += n;
    drawn_ += n;
    left_ -= n;
    word_->cursor = i_;
    if ((done_ += n) < kTokens) return;
    done_ = 0;
    worker_.checkpoint();
  }

 private:
  static constexpr Index kTokens = 2048;  // between checkpoints: a millisecond for most topics

  void draw() {
    const Row* row = kernel_.s.row.data();
    left_ = std::min<Index64>(kDraws, end_ - i_);
    while (row[i_ + left_ - 1] >= limit_) --left_;
    kernel_.draws.make(kernel_.sweep.draws, i_, left_);
    drawn_ = 0;
  }
  void next_word() {
    State& s = kernel_.s;
    if (word_) {
      kernel_.end_word(*word_);
      word_ = nullptr;
      ++v_;
    }
    for (; v_ < v_end_; ++v_) {
      prefetch_words(s, kernel_, v_, g_);
      Word& word = s.words[at(v_)];
      end_ = s.words[at(v_ + 1)].begin;
      if (g_ == 0) word.cursor = word.begin;
      i_ = word.cursor;
      if (i_ >= end_ || s.row[i_] >= limit_) continue;
      kernel_.begin_word(word, end_);
      word_ = &word;
      return;
    }
  }

  Kernel& kernel_;
  const Worker& worker_;
  Index g_, v_, v_end_;
  Row limit_;
  Word* word_ = nullptr;  // the current word
  Index64 i_ = 0, end_ = 0;
  Index left_ = 0, drawn_ = 0, done_ = 0;
};

// Samples N blocks, alternating between them token by token, until one is done. The topic of a
// token depends on the one before it; with several such chains, a processor works on the others
// while it waits for one.
template <int N, class Kernel>
void sample_by_turns(std::optional<BlockWalk<Kernel>>* walks) {
  typename Kernel::Chain chains[N];
  for (;;) {
    Index n = kDraws;
    for (int c = 0; c < N; ++c) n = std::min(n, walks[c]->ready());
    if (n == 0) return;
    for (int c = 0; c < N; ++c) chains[c] = walks[c]->chain();
    Kernel::tokens(chains, n);
    for (int c = 0; c < N; ++c) walks[c]->take(n);
  }
}

// Samples some blocks of one diagonal, at most Kernel::together.
template <class Kernel>
void sample_together(std::optional<BlockWalk<Kernel>>* walks, Index count) {
  if constexpr (Kernel::together >= 4)
    if (count >= 4) sample_by_turns<4>(walks);
  if constexpr (Kernel::together >= 2)
    for (Index c = 0; c + 2 <= count; c += 2) sample_by_turns<2>(walks + c);
  for (Index c = 0; c < count; ++c) sample_by_turns<1>(walks + c);
}

// How many blocks of a diagonal a thread should interleave: the number that minimizes the time of
// the last thread. 100 blocks take the time of 92 in pairs, and of 86 in fours.
inline Index best_together(Index blocks, Index threads, Index most) {
  constexpr std::array<Index, 3> percent = {100, 92, 86};
  Index best = 1, least = std::numeric_limits<Index>::max();
  for (std::size_t i = 0; i < percent.size(); ++i) {
    const Index together = Index{1} << i;
    if (together > most) break;
    const Index tasks = (blocks + together - 1) / together;
    const Index one_thread = std::min((tasks + threads - 1) / threads * together, blocks);
    const Index time = one_thread * percent[i];
    if (time < least) best = together, least = time;
  }
  return best;
}

// One sweep: P diagonals, document group minus word group = 0, 1, ... mod P. Document groups of one
// word group ascend, so that a word resumes with its tokens of the next group. Blocks of
// a diagonal share no mutable state, so that interleaving them does not change results.
template <class Kernel>
void sample_blocks(State& s, typename Kernel::Rows& rows, const Sweep& sweep,
                   const Execution& run) {
  const Index threads = std::max(run.threads, 1);
  const Index together = best_together(s.blocks, threads, Kernel::together);
  std::vector<std::unique_ptr<Kernel>> kernels(at(together * threads));
  std::vector<Index64> totals;
  for (Index diagonal = 0; diagonal < s.blocks; ++diagonal) {
    totals = s.totals;
    std::copy_n(s.kept.data(), s.frozen.size(), s.frozen.data());
    const Index tasks = (s.blocks + together - 1) / together;
    parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
      const Range blocks{task * together, std::min((task + 1) * together, s.blocks)};
      std::optional<BlockWalk<Kernel>> walks[Kernel::together];
      for (Index h = blocks.begin; h < blocks.end; ++h) {
        const Index c = h - blocks.begin;
        auto& kernel = kernels[at(worker.index() * together + c)];
        if (!kernel) kernel = std::make_unique<Kernel>(s, rows, sweep);
        walks[c].emplace(*kernel, (h + diagonal) % s.blocks, h, diagonal == 0, totals, worker);
      }
      sample_together(walks, blocks.end - blocks.begin);
    });
  }
}

// The sweeps of the two kernels.
void sample(State& s, DenseRows<std::uint16_t>& rows, const Sweep& sweep, const Execution& run);
void sample(State& s, DenseRows<std::uint32_t>& rows, const Sweep& sweep, const Execution& run);
void sample(State& s, SparseRows<std::uint32_t>& rows, const Sweep& sweep, const Execution& run);
void sample(State& s, SparseRows<std::uint64_t>& rows, const Sweep& sweep, const Execution& run);

}  // namespace gibbous::lda::exact
