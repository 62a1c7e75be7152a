// SPDX-License-Identifier: Apache-2.0
// The sparse kernel: the conditional's sum in two parts,
//
//   sum_k n_dk q_k  +  sum_k alpha_k q_k,    q_k = (n_wk + beta_wk) / (n_k + sum_w beta_wk).
//
// The first runs over the topics of the document, which are few. The second does not depend on the
// document: it is kept up to date as tokens move, with its parts over 16 and 256 topics, through
// which a draw finds its topic. The row of q starts from that of a word that does not occur, to
// which a rare word adds the topics that it has, and from which it takes them again.
#include "gibbous/lda_exact_block.hpp"

namespace gibbous::lda::exact {

namespace {

// A token's row of counts is fetched so many tokens ahead.
constexpr Index kAhead = 8;

template <class Cell>
class SparseKernel : public Desk {
 public:
  using Rows = SparseRows<Cell>;

  SparseKernel(State& s, Rows& rows, const Sweep& sweep)
      : Desk(s, sweep, Index{1} << rows.bits),
        rows_(rows),
        mask_(static_cast<std::int32_t>((Index{1} << rows.bits) - 1)),
        one_(static_cast<Cell>(Cell{1} << rows.bits)),
        alpha_(sweep.priors.alpha),
        sums_(at(s.stride() + kSlack)),
        block_(at(s.stride() / kBlock), 0.0),
        super_(at((s.stride() + kSuper - 1) / kSuper), 0.0) {
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
      set_q(k, (static_cast<float>(t.n_wk[k]) + t.beta[k]) * t.inverse[k]);
  }
  void end_word(const Word& word) {
    unseed(word);
    if (word.kept >= 0) {
      leave_kept(word);
      return;
    }
    for (const Topic k : touched_) {
      t.n_wk[k] = 0;
      set_q(k, t.beta[k] * t.inverse[k]);
    }
  }

  void tokens(Index64 first, Index n) {
    for (Index j = 0; j < n; ++j) {
      const Index64 i = first + j;
      prefetch_row(s.row[i + kAhead]);
      const Index fresh = sample(rows_.row(s.row[i]), s.z[i], draws[j]);
      s.z[i] = static_cast<Topic>(fresh);
    }
  }

 private:
  static constexpr Index kBlock = 16, kSuper = 256;

  // q_k for all topics, and all sums of alpha_k q_k.
  void fill_q() {
    std::fill(super_.begin(), super_.end(), 0.0);
    mass_ = 0;
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
      mass_ += total;
    }
  }
  GIBBOUS_INLINE void set_q(Index k, float value) {
    const double by = alpha_[k] * (static_cast<double>(value) - static_cast<double>(t.q[k]));
    t.q[k] = value;
    block_[at(k / kBlock)] += by;
    super_[at(k / kSuper)] += by;
    mass_ += by;
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
  // Which of the n cells holds topic k; n where none does.
  GIBBOUS_INLINE Index find(const Cell* cells, Index n, Index k) const {
    for (Index e = 0; e < n; e += kTopicLanes) {
      const auto found = lane_mask(topics_of(cells + e) == splat(static_cast<std::int32_t>(k)));
      if (found) return std::min<Index>(n, e + __builtin_ctz(found));
    }
    return n;
  }

  // Draws a topic for a token of the word at hand that stands in `old`; `row` is its document's.
  GIBBOUS_INLINE Index sample(Cell* row, Index old, double uniform) {
    Cell* cells = row + 1;
    const auto n = static_cast<Index>(row[0]);
    set_q(old, t.change(old, -1));
    float* sums = sums_.data();
    FloatLanes sum{};
    for (Index e = 0; e < n; e += kTopicLanes) {
      const IntLanes topic = topics_of(cells + e);
      IntLanes count = counts_of(cells + e);
      count += topic == splat(static_cast<std::int32_t>(old));  // the token itself is not counted
      count &= lane_ < splat(static_cast<std::int32_t>(n - e));
      sum += __builtin_convertvector(count, FloatLanes) * gather(t.q, topic);
      store(sums + e, sum);
    }
    const Picker picker(sum);
    const double here = picker.total();
    const double u = uniform * (here + mass_);
    Index fresh, place = n;
    if (u < here) {
      place = picker.pick(sums, u, (n + kTopicLanes - 1) / kTopicLanes);
      fresh = static_cast<Index>(cells[place] & static_cast<Cell>(mask_));
    } else {
      fresh = pick_prior(u - here);
    }
    set_q(fresh, t.change(fresh, 1));
    if (fresh != old) {
      if (t.n_wk[fresh] == 1) touched_.push_back(static_cast<Topic>(fresh));
      move(row, old, fresh, place);
    }
    return fresh;
  }

  // The topic of which alpha_k q_k falls on u.
  Index pick_prior(double u) const {
    const Index supers = static_cast<Index>(super_.size()), blocks = s.stride() / kBlock;
    Index x = 0;
    while (x + 1 < supers && u >= super_[at(x)]) u -= super_[at(x++)];
    Index b = x * (kSuper / kBlock);
    const Index last_block = std::min(b + kSuper / kBlock, blocks) - 1;
    while (b < last_block && u >= block_[at(b)]) u -= block_[at(b++)];
    Index k = b * kBlock;
    const Index last = std::min(k + kBlock, s.topics) - 1;
    for (; k < last; ++k) {
      const double weight = alpha_[k] * static_cast<double>(t.q[k]);
      if (u < weight) break;
      u -= weight;
    }
    return k;
  }

  // Moves one token of a document from a topic to another; place: the cell of `to`, or no cell.
  GIBBOUS_INLINE void move(Cell* row, Index from, Index to, Index place) {
    Cell* cells = row + 1;
    const auto n = static_cast<Index>(row[0]);
    if (place == n) place = find(cells, n, to);
    const Index source = find(cells, n, from);
    const Cell left = cells[source] - one_;
    const bool gone = left < one_;
    if (place < n) {
      cells[place] += one_;
      cells[source] = left;
      if (gone) {
        cells[source] = cells[n - 1];
        cells[n - 1] = 0;
        row[0] = static_cast<Cell>(n - 1);
      }
    } else {
      const Cell fresh = one_ | static_cast<Cell>(to);
      cells[source] = gone ? fresh : left;
      if (!gone) {
        cells[n] = fresh;
        row[0] = static_cast<Cell>(n + 1);
      }
    }
  }

  Rows& rows_;
  std::int32_t mask_;
  Cell one_;
  const double* alpha_;
  Buffer<float> sums_;
  Buffer<double> block_, super_;  // sums of alpha_k q_k over 16 and 256 topics; in doubles, which
  double mass_ = 0;               // do not drift while they follow millions of changes
  bool rest_ = false;             // q is that of a word without tokens
  std::vector<Topic> touched_;    // topics in which it is not
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
