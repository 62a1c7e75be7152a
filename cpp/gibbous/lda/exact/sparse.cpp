// SPDX-License-Identifier: Apache-2.0
// The sparse kernel: the sum of the conditional in two parts,
//
//   sum_k n_dk q_k  +  sum_k alpha_k q_k,    q_k = (n_wk + beta_wk) / (n_k + sum_w beta_wk).
//
// The first runs over the topics of the document, which are few. The second does not depend on the
// document: it is updated as tokens move, with partial sums over 16 and 256 topics that are used to
// find the topic of a draw. The row of q starts from that of a word that does not occur; a rare
// word adds its topics to this row and removes them again.
#include "gibbous/lda/exact/block.hpp"

namespace gibbous::lda::exact {

namespace {

// Distance in tokens at which a row of counts is prefetched.
constexpr Index kAhead = 8;

constexpr Index kBlock = 16, kSuper = 256;  // topics per partial sum

// sum_k alpha_k q_k and its parts, in double, so that they do not drift over millions of updates.
struct PriorMass {
  const double* alpha;
  double* block;
  double* super;
  double total;

  // Sets q_k to `value`.
  GIBBOUS_INLINE void set(const Tables& t, Index k, float value) {
    const double by = alpha[k] * (static_cast<double>(value) - static_cast<double>(t.q[k]));
    t.q[k] = value;
    block[k / kBlock] += by;
    super[k / kSuper] += by;
    total += by;
  }
  // The topic selected by u in the cumulative sum of alpha_k q_k, 0 <= u < total.
  GIBBOUS_INLINE Index pick(const Tables& t, Index topics, double u) const {
    const Index last_super = (topics - 1) / kSuper;
    Index x = 0;
    while (x < last_super && u >= super[x]) u -= super[x++];
    Index b = x * (kSuper / kBlock);
    const Index last_block = std::min(b + kSuper / kBlock - 1, (topics - 1) / kBlock);
    while (b < last_block && u >= block[b]) u -= block[b++];
    Index k = b * kBlock;
    for (const Index last = std::min(k + kBlock, topics) - 1; k < last; ++k) {
      const double weight = alpha[k] * static_cast<double>(t.q[k]);
      if (u < weight) break;
      u -= weight;
    }
    return k;
  }
};

template <class Cell>
class SparseKernel : public Desk {
 public:
  using Rows = SparseRows<Cell>;

  SparseKernel(State& s, Rows& rows, const Sweep& sweep)
      : Desk(s, sweep, Index{1} << rows.bits),
        rows_(rows),
        mask_(static_cast<std::int32_t>((Index{1} << rows.bits) - 1)),
        one_(static_cast<Cell>(Cell{1} << rows.bits)),
        sums_(at(s.stride() + kSlack)),
        block_(at(s.stride() / kBlock), 0.0),
        super_(at((s.stride() + kSuper - 1) / kSuper), 0.0),
        mass_{sweep.priors.alpha, block_.data(), super_.data(), 0.0} {
    for (int i = 0; i < kTopicLanes; ++i) lane_[i] = i;
  }

  void open(const std::vector<Index64>& totals) {
    Desk::open(totals);
    rest_ = false;
  }

  void prefetch_row(Row r) const {
    const Cell* c = rows_.row(r);
    prefetch(c);
    prefetch(c + 64 / sizeof(Cell));
  }

  void begin_word(const Word& word, Index64 end) {
    touched_.clear();
    if (word.kept >= 0) {
      seed(word);
      use_kept(word);
      fill_q();
      rest_ = false;
      return;
    }
    use_scratch();
    if (!rest_) fill_q();
    rest_ = true;
    seed(word);
    visit_seeds(word, [&](Index k, float) { touched_.push_back(static_cast<Topic>(k)); });
    for (Index64 i = word.begin; i < end; ++i)
      if (t.n_wk[s.z[i]]++ == 0) touched_.push_back(s.z[i]);
    for (const Topic k : touched_)
      mass_.set(t, k, (static_cast<float>(t.n_wk[k]) + t.beta[k]) * t.inverse[k]);
  }
  void end_word(const Word& word) {
    unseed(word);
    if (word.kept >= 0) {
      leave_kept(word);
      return;
    }
    for (const Topic k : touched_) {
      t.n_wk[k] = 0;
      mass_.set(t, k, t.beta[k] * t.inverse[k]);
    }
  }

  static constexpr int together = 1;
  using Chain = ChainOf<SparseKernel>;

  static void tokens(const Chain (&chain)[1], Index n) { chain[0].kernel->sample(chain[0], n); }

 private:
  void sample(const Chain& chain, Index n) {
    const Row* row = s.row.data() + chain.first;
    Topic* z = s.z.data() + chain.first;
    const Tables tables = t;
    PriorMass mass = mass_;
    for (Index j = 0; j < n; ++j) {
      prefetch_row(row[j + kAhead]);
      const double u = draws[chain.draw + j];
      z[j] = static_cast<Topic>(sample(tables, mass, rows_.row(row[j]), z[j], u));
    }
    mass_ = mass;
  }

  // q_k for all topics, and all sums of alpha_k q_k.
  void fill_q() {
    std::fill(super_.begin(), super_.end(), 0.0);
    mass_.total = 0;
    const float* alpha = sweep.alpha.data();
    for (Index b = 0; b < s.stride(); b += kBlock) {
      FloatLanes sum{};
      GIBBOUS_UNROLL
      for (Index k = b; k < b + kBlock; k += kTopicLanes) {
        const FloatLanes c = __builtin_convertvector(load(t.n_wk + k), FloatLanes);
        const FloatLanes v = (c + load(t.beta + k)) * load(t.inverse + k);
        store(t.q + k, v);
        sum += v * load(alpha + k);
      }
      const auto total = static_cast<double>(lane_sum<float>(sum));
      block_[at(b / kBlock)] = total;
      super_[at(b / kSuper)] += total;
      mass_.total += total;
    }
  }
  GIBBOUS_INLINE IntLanes topics_of(const Cell* cells) const {
    if constexpr (sizeof(Cell) == 4) {
      return reinterpret_cast<IntLanes>(load(cells)) & mask_;
    } else {
      IntLanes v{};
      for (int l = 0; l < kTopicLanes; ++l) v[l] = static_cast<std::int32_t>(cells[l]) & mask_;
      return v;
    }
  }
  GIBBOUS_INLINE IntLanes counts_of(const Cell* cells) const {
    if constexpr (sizeof(Cell) == 4) {
      return reinterpret_cast<IntLanes>(load(cells) >> static_cast<Cell>(rows_.bits));
    } else {
      IntLanes v{};
      for (int l = 0; l < kTopicLanes; ++l)
        v[l] = static_cast<std::int32_t>(cells[l] >> rows_.bits);
      return v;
    }
  }
  // The first of the n cells whose topic is at least k; n if all are smaller.
  GIBBOUS_INLINE Index find(const Cell* cells, Index n, Index k) const {
    const IntLanes below = splat(static_cast<std::int32_t>(k)) - 1;
    for (Index e = 0; e < n; e += kTopicLanes) {
      const auto found = lane_mask(topics_of(cells + e) > below);
      if (found) return std::min<Index>(n, e + __builtin_ctz(found));
    }
    return n;
  }

  // Samples a topic for a token of the current word whose topic is `old`; `row` is that of its
  // document.
  GIBBOUS_INLINE Index sample(const Tables& tables, PriorMass& mass, Cell* row, Index old,
                              double uniform) {
    Cell* cells = row + 1;
    const auto n = static_cast<Index>(row[0]);
    mass.set(tables, old, tables.change(old, -1));
    float* sums = sums_.data();
    FloatLanes sum{};
    const IntLanes mine = splat(static_cast<std::int32_t>(old));
    for (Index e = 0; e < n; e += kTopicLanes) {
      const IntLanes topic = topics_of(cells + e);
      IntLanes count = counts_of(cells + e);
      count += topic == mine;  // the token itself is excluded
      count &= lane_ < splat(static_cast<std::int32_t>(n - e));
      sum += __builtin_convertvector(count, FloatLanes) * gather(tables.q, topic);
      store(sums + e, sum);
    }
    const Picker picker(sum);
    const double here = picker.total();
    const double u = uniform * (here + mass.total);
    Index fresh;
    if (u < here) {
      const Index place = picker.pick(sums, u, (n + kTopicLanes - 1) / kTopicLanes);
      fresh = static_cast<Index>(cells[place] & static_cast<Cell>(mask_));
    } else {
      fresh = mass.pick(tables, s.topics, u - here);
    }
    mass.set(tables, fresh, tables.change(fresh, 1));
    if (fresh != old) {
      if (tables.n_wk[fresh] == 1) touched_.push_back(static_cast<Topic>(fresh));
      move(row, old, fresh);
    }
    return fresh;
  }

  // Moves one token of a document from a topic to another.
  GIBBOUS_INLINE void move(Cell* row, Index from, Index to) const {
    Cell* cells = row + 1;
    const auto n = static_cast<Index>(row[0]);
    const auto topic = static_cast<Cell>(to);
    const Index source = find(cells, n, from), place = find(cells, n, to);
    const bool has = place < n && (cells[place] & static_cast<Cell>(mask_)) == topic;
    if (has) cells[place] += one_;
    cells[source] -= one_;
    if (cells[source] < one_) {  // the last token has left the topic
      if (has) {
        std::copy(cells + source + 1, cells + n, cells + source);
        cells[n - 1] = 0;
        row[0] = static_cast<Cell>(n - 1);
      } else if (place > source) {
        std::copy(cells + source + 1, cells + place, cells + source);
        cells[place - 1] = one_ | topic;
      } else {
        std::copy_backward(cells + place, cells + source, cells + source + 1);
        cells[place] = one_ | topic;
      }
    } else if (!has) {
      std::copy_backward(cells + place, cells + n, cells + n + 1);
      cells[place] = one_ | topic;
      row[0] = static_cast<Cell>(n + 1);
    }
  }

  Rows& rows_;
  std::int32_t mask_;
  Cell one_;
  Buffer<float> sums_;
  Buffer<double> block_, super_;
  PriorMass mass_;
  bool rest_ = false;           // q is that of a word without tokens
  std::vector<Topic> touched_;  // topics without tokens of the word
  IntLanes lane_{};
};

}  // namespace

void sample(State& s, SparseRows<std::uint32_t>& rows, const Sweep& sweep, const Execution& run) {
  sample_blocks<SparseKernel<std::uint32_t>>(s, rows, sweep, run);
}
void sample(State& s, SparseRows<std::uint64_t>& rows, const Sweep& sweep, const Execution& run) {
  sample_blocks<SparseKernel<std::uint64_t>>(s, rows, sweep, run);
}

}  // namespace gibbous::lda::exact
