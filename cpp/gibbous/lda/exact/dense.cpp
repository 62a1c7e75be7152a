// SPDX-License-Identifier: Apache-2.0
// The dense kernel: all topics of the document of a token times all topics of its word.
#include "gibbous/lda/exact/block.hpp"

namespace gibbous::lda::exact {

namespace {

// Distance in tokens at which a row of counts is prefetched.
constexpr Index kAhead = 6;

template <class Cell>
class DenseKernel : public Desk {
 public:
  using Rows = DenseRows<Cell>;
  using CellLanes = typename VectorOf<Cell, sizeof(Cell) * kTopicLanes>::type;

  DenseKernel(State& s, Rows& rows, const Sweep& sweep)
      : Desk(s, sweep, s.stride()),
        rows_(rows),
        sums_(at(s.stride())),
        vectors_((s.topics + kTopicLanes - 1) / kTopicLanes) {
    for (int i = 0; i < kTopicLanes; ++i) lane_[i] = i;
    for (int i = 0; i < kTopicLanes; ++i) cell_lane_[i] = static_cast<Cell>(i);
  }

  void prefetch_row(Row r) const {
    const Cell* c = rows_.row(r);
    for (Index k = 0; k < s.topics; k += 64 / static_cast<Index>(sizeof(Cell))) prefetch(c + k);
  }

  void begin_word(const Word& word, Index64 end) {
    seed(word);
    if (word.kept >= 0) {
      use_kept(word);
    } else {
      use_scratch();
      for (Index64 i = word.begin; i < end; ++i) ++t.n_wk[s.z[i]];
    }
    for (Index k = 0; k < s.stride(); k += kTopicLanes) {
      const FloatLanes n = __builtin_convertvector(load(t.n_wk + k), FloatLanes);
      store(t.q + k, (n + load(t.beta + k)) * load(t.inverse + k));
    }
  }
  void end_word(const Word& word) {
    if (word.kept >= 0)
      leave_kept(word);
    else
      std::fill_n(t.n_wk, s.stride(), 0);
    unseed(word);
  }

  static constexpr int together = 4;  // a sweep takes .86 of the time with one chain (2: .92)
  using Chain = ChainOf<DenseKernel>;

  // The next n tokens of each chain, interleaved.
  template <int N>
  static void tokens(const Chain (&chain)[N], Index n) {
    const Index end = chain[0].kernel->vectors_ * kTopicLanes;
    const float* alpha = chain[0].kernel->sweep.alpha.data();
    Tables tables[N];
    float* sums[N];
    const Row* row[N];
    Topic* z[N];
    GIBBOUS_UNROLL
    for (int c = 0; c < N; ++c) {
      DenseKernel& kernel = *chain[c].kernel;
      tables[c] = kernel.t;
      sums[c] = kernel.sums_.data();
      row[c] = kernel.s.row.data() + chain[c].first;
      z[c] = kernel.s.z.data() + chain[c].first;
    }
    for (Index j = 0; j < n; ++j) {
      Cell* cells[N];
      FloatLanes sum[N] = {};
      GIBBOUS_UNROLL
      for (int c = 0; c < N; ++c) {
        const DenseKernel& kernel = *chain[c].kernel;
        kernel.prefetch_row(row[c][j + kAhead]);
        cells[c] = kernel.rows_.row(row[c][j]);
        const Index old = z[c][j];
        kernel.set_lane(tables[c].q, old, tables[c].change(old, -1));
        kernel.take_out(cells[c], old);
      }
      for (Index k = 0; k < end; k += kTopicLanes) {
        const FloatLanes prior = load(alpha + k);
        GIBBOUS_UNROLL
        for (int c = 0; c < N; ++c) {
          sum[c] += (counts_of(cells[c] + k) + prior) * load(tables[c].q + k);
          store(sums[c] + k, sum[c]);
        }
      }
      GIBBOUS_UNROLL
      for (int c = 0; c < N; ++c) {
        const DenseKernel& kernel = *chain[c].kernel;
        const Picker picker(sum[c]);
        const double u = kernel.draws[chain[c].draw + j] * picker.total();
        const Index fresh = picker.pick(sums[c], u, kernel.vectors_);
        z[c][j] = static_cast<Topic>(fresh);
        kernel.set_lane(tables[c].q, fresh, tables[c].change(fresh, 1));
        ++cells[c][fresh];
      }
    }
  }

 private:
  static GIBBOUS_INLINE FloatLanes counts_of(const Cell* cells) {
    if constexpr (sizeof(Cell) == 2)
      return __builtin_convertvector(load_wide(cells), FloatLanes);
    else
      return __builtin_convertvector(reinterpret_cast<IntLanes>(load(cells)), FloatLanes);
  }
  // Whole vectors are written because they are read soon: a wide load after a narrow store stalls
  // until the store has reached the cache.
  GIBBOUS_INLINE void set_lane(float* values, Index k, float value) const {
    float* block = values + k / kTopicLanes * kTopicLanes;
    const IntLanes here = lane_ == splat(static_cast<std::int32_t>(k % kTopicLanes));
    const IntLanes old = reinterpret_cast<IntLanes>(load(block));
    const IntLanes fresh = reinterpret_cast<IntLanes>(splat(value));
    store(block, reinterpret_cast<FloatLanes>((fresh & here) | (old & ~here)));
  }
  GIBBOUS_INLINE void take_out(Cell* cells, Index k) const {
    Cell* block = cells + k / kTopicLanes * kTopicLanes;
    CellLanes c;
    std::memcpy(&c, block, sizeof c);
    CellLanes lane{};
    GIBBOUS_UNROLL
    for (int i = 0; i < kTopicLanes; ++i) lane[i] = static_cast<Cell>(k % kTopicLanes);
    c += reinterpret_cast<CellLanes>(cell_lane_ == lane);
    std::memcpy(block, &c, sizeof c);
  }

  Rows& rows_;
  Buffer<float> sums_;
  Index vectors_;
  IntLanes lane_{};
  CellLanes cell_lane_{};
};

}  // namespace

void sample(State& s, DenseRows<std::uint16_t>& rows, const Sweep& sweep, const Execution& run) {
  sample_blocks<DenseKernel<std::uint16_t>>(s, rows, sweep, run);
}
void sample(State& s, DenseRows<std::uint32_t>& rows, const Sweep& sweep, const Execution& run) {
  sample_blocks<DenseKernel<std::uint32_t>>(s, rows, sweep, run);
}

}  // namespace gibbous::lda::exact
