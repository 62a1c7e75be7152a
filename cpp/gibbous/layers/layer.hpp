// SPDX-License-Identifier: Apache-2.0
// The states of one layer of a Boltzmann machine for the rows of a batch, its weights in the layout
// that the products need, and the pass from one layer to the other.
#pragma once
#include <vector>

#include "gibbous/ground/bit_product.hpp"
#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/random_bulk.hpp"
#include "gibbous/ground/tile_product.hpp"

namespace gibbous::layers {

// Rows that a task processes in one pass: their sums (32 KB in float) stay in the L2 cache.
inline constexpr Index kBlockRows = 256;

// States of `units` units (padded to whole panels) for up to `capacity` rows: bits or numbers.
template <class T>
struct Layer {
  Index units = 0, rows = 0, capacity = 0;
  bool binary = true;
  std::vector<Chunk> bits;  // [panel][capacity]
  Buffer<T> real;           // [row][panels * kPanel], zero past `units`
  Buffer<T> lengths;        // [row] number of draws of a row of counts; empty for other units

  void resize(Index units_, Index capacity_, bool binary_) {
    units = units_;
    rows = capacity = capacity_;
    binary = binary_;
    const Index panels = panels_of(units);
    bits.assign(static_cast<std::size_t>(binary ? panels * capacity : 0), 0);
    real.assign(static_cast<std::size_t>(binary ? 0 : panels * kPanel * capacity), T(0));
  }
  Index panels() const { return panels_of(units); }
  Index width() const { return panels() * kPanel; }
  Chunk* panel_bits(Index p) { return bits.data() + p * capacity; }
  const Chunk* panel_bits(Index p) const { return bits.data() + p * capacity; }
  T* row(Index r) { return real.data() + r * width(); }
  const T* row(Index r) const { return real.data() + r * width(); }
};

// Weights from a layer of `from` units to one of `to`, panel by panel of the target: [to / 32][from
// padded][32], with zeros in the padding.
template <class T>
struct Weights {
  Index from = 0, to = 0;
  Buffer<T> w;
  Buffer<std::uint32_t> words;  // the same for a matrix unit, or empty

  void resize(Index from_, Index to_) {
    from = from_;
    to = to_;
    w.assign(static_cast<std::size_t>(panels_of(to) * panels_of(from) * kPanel * kPanel), T(0));
  }
  Index depth() const { return panels_of(from) * kPanel; }
  T* panel(Index p) { return w.data() + p * depth() * kPanel; }
  const T* panel(Index p) const { return w.data() + p * depth() * kPanel; }
  T& at(Index i, Index j) { return panel(j / kPanel)[i * kPanel + j % kPanel]; }
  T at(Index i, Index j) const { return panel(j / kPanel)[i * kPanel + j % kPanel]; }
  std::uint32_t* panel_words(Index p) { return words.data() + p * depth() * kPanel; }
  const std::uint32_t* panel_words(Index p) const { return words.data() + p * depth() * kPanel; }

  // Writes the words of a panel.
  void split(Index p) {
    if constexpr (sizeof(T) == 4) tiles::split_all(panel(p), depth() * kPanel, panel_words(p));
  }
};

// A left operand of a matrix unit, in tiles: states or the high parts of numbers, and the low
// parts. Every thread converts its own operands: if all threads shared them, most words would come
// from the caches of other processors.
struct LeftOperand {
  Buffer<std::uint32_t> high, low;
  std::uint64_t holds = 0;  // the key that it was made for

  void resize(Index rows, Index width, bool binary) {
    const auto size = static_cast<std::size_t>((rows + tiles::kTileRows - 1) / tiles::kTileRows *
                                               tiles::kTileRows * width);
    if (high.size() < size) high.resize(size);
    if (!binary && low.size() < size) low.resize(size);
  }

  // acc += this, with `width` words per row, times a panel of words.
  void multiply(const Execution& run, Index rows, Index width, bool binary,
                const std::uint32_t* words, float* acc) const {
    run.tiles(high.data(), width, rows, width, words, acc);
    if (!binary) run.tiles(low.data(), width, rows, width, words, acc);
  }
};

// Workspace of one thread.
template <class T>
struct Scratch {
  BitTables<T> tables = bit_tables<T>();
  Buffer<T> sums = Buffer<T>(static_cast<std::size_t>(kBlockRows * kPanel));
  LeftOperand left[2];
};

// The workspaces of all threads.
template <class T>
struct Scratches {
  std::vector<Scratch<T>> threads;
  std::uint64_t made = 0;  // counts left operands to give each a unique key

  Scratch<T>& operator[](std::size_t i) { return threads[i]; }
};

template <class T>
Scratches<T> scratches(const Execution& run) {
  return {std::vector<Scratch<T>>(static_cast<std::size_t>(std::max(run.threads, 1)))};
}

// Rows first ... first + count of a layer as the left operand with key `name`.
inline void widen_rows(const Layer<float>& in, Index first, Index count, std::uint64_t name,
                       LeftOperand& out) {
  if (out.holds == name) return;
  out.holds = name;
  const Index width = in.width();
  out.resize(count, width, in.binary);
  for (Index r = 0; r < count; ++r) {
    const Index at = tiles::place(width, r, 0);
    std::uint32_t* high = out.high.data() + at;
    if (in.binary) {
      for (Index p = 0; p < in.panels(); ++p)
        tiles::widen_states(mask_of(in.panel_bits(p)[first + r]),
                            high + tiles::place(0, 0, p * kPanel));
    } else {
      tiles::split_left_all(in.row(first + r), width, high, out.low.data() + at);
    }
  }
}

// Rows of a layer that a task works on, and their key in this pass.
struct RowBlock {
  Index first, count;
  std::uint64_t name;
};

// acc[row][32] += states of the rows times one panel of weights.
template <class T>
void add_product(const Execution& run, const Layer<T>& in, const RowBlock& rows,
                 const Weights<T>& w, Index p, Scratch<T>& mine, T* acc) {
  const Index first = rows.first, count = rows.count;
  if constexpr (sizeof(T) == 4) {
    if (!w.words.empty()) {
      widen_rows(in, first, count, rows.name, mine.left[0]);
      mine.left[0].multiply(run, count, in.width(), in.binary, w.panel_words(p), acc);
      return;
    }
  }
  if (in.binary)
    add_bits(in.bits.data() + first, in.capacity, count, in.panels(), w.panel(p), mine.tables, acc);
  else
    add_real(in.row(first), in.width(), 1, count, in.width(), w.panel(p), acc);
}

// For every panel of the target and block of rows: passes the inputs of its units, without biases,
// to epilogue(panel, first row, rows, sums[row][32]). Each call has exclusive use of its panel and
// rows.
template <class T, class Epilogue>
void pass(const Execution& run, const Layer<T>& in, const Weights<T>& w, Scratches<T>& scratch,
          Epilogue&& epilogue) {
  const Index blocks = (in.rows + kBlockRows - 1) / kBlockRows, panels = panels_of(w.to);
  const std::uint64_t made = scratch.made;
  scratch.made += static_cast<std::uint64_t>(blocks);
  parallel_tasks(run, panels * blocks, [&](Index task, const Worker& worker) {
    const Index block = task / panels, p = task % panels, first = block * kBlockRows;
    const Index count = std::min(kBlockRows, in.rows - first);
    Scratch<T>& mine = scratch[static_cast<std::size_t>(worker.index())];
    T* sums = mine.sums.data();
    std::fill(sums, sums + count * kPanel, T(0));
    const RowBlock rows{first, count, made + 1 + static_cast<std::uint64_t>(block)};
    add_product(run, in, rows, w, p, mine, sums);
    epilogue(p, first, count, sums);
  });
}

// Bias of padding units: their probability is 0.
template <class T>
inline constexpr T kOff = T(-1e30);

// Uniform draws of one sampling step, addressed by row and panel: 64 draws serve the 32 units of a
// panel in two rows. 24 bits of each are used, at the midpoint of their interval, in either
// precision.
class StateDraws {
 public:
  StateDraws(std::uint64_t seed, Purpose purpose, std::uint32_t step)
      : stream_(seed, purpose, step) {}

  // out (64): the draws of rows 2 * i and 2 * i + 1.
  GIBBOUS_INLINE void pair(Index i, Index panel, std::uint32_t* out) const {
    const auto address = static_cast<std::uint64_t>(i) << 20 | static_cast<std::uint64_t>(panel);
    stream_.group(address * kGroupItems, kGroupItems, out);
  }

 private:
  BulkStream stream_;
};

template <class T>
GIBBOUS_INLINE Vec<T> widen_draws(const std::uint32_t* words) {
  using Narrow = typename VectorOf<std::int32_t, kLanes<T> * 4>::type;
  Narrow w;
  std::memcpy(&w, words, sizeof w);
  w = (w >> 8) & 0xFFFFFF;
  return __builtin_convertvector(w, Vec<T>) + T(0.5);
}

template <class T>
GIBBOUS_INLINE std::uint32_t mask_of_lanes(const Bits<T>& test) {
  if constexpr (sizeof(T) == 4) {
    return lane_mask(test);
  } else {
    std::uint32_t mask = 0;
    GIBBOUS_UNROLL
    for (int i = 0; i < kLanes<T>; ++i) mask |= static_cast<std::uint32_t>(test[i] & 1) << i;
    return mask;
  }
}

// 1 + exp(-x), finite for every x.
template <class T>
GIBBOUS_INLINE Vec<T> one_plus_exp_minus(Vec<T> x) {
  const Vec<T> most = splat(T(80));
  const Vec<T> t = -x;
  return vexp<T>(t < most ? t : most) + T(1);
}

// log(1 + exp(x)).
template <class T>
GIBBOUS_INLINE Vec<T> softplus(Vec<T> x) {
  const Vec<T> size = x < T(0) ? -x : x, positive = x > T(0) ? x : Vec<T>{};
  const Vec<T> e = vexp<T>(-size), whole = e + T(1);
  // log(1 + e) with a correction for the digits lost in the sum (Kahan): log(w) e / (w - 1)
  const Vec<T> rest = whole - T(1);
  const auto tiny = rest == T(0);
  const Vec<T> safe = tiny ? splat(T(1)) : rest;
  return positive + (tiny ? e : vlog<T>(whole) * e / safe);
}

// A mask of the first `units` bits of a panel.
GIBBOUS_INLINE std::uint32_t units_mask(Index units) {
  return units >= kPanel ? ~0u : (1u << units) - 1u;
}

// The outputs of a pass to binary units.
template <class T>
struct BernoulliTarget {
  const T* bias;                      // IN [units padded]; kOff where padding
  const T* heat = nullptr;            // IN [row] factor on input and bias, or null for 1
  const StateDraws* draws = nullptr;  // null: do not sample
  Layer<T>* states = nullptr;         // OUT samples
  T* probabilities = nullptr;         // OUT [panel][stride][32], or null
  Index stride = 0;                   // rows of `probabilities`
  const T* weight = nullptr;          // IN [row] factor on the probabilities, or null for `scale`
  T scale = T(1);
  T* energies = nullptr;      // OUT [panel][stride] sums of state times input with bias, or null
  const T* copies = nullptr;  // IN [row] factor on the bias, or null for 1

  void operator()(Index p, Index first, Index count, T* sums) const {
    if (draws)
      rows<true>(p, first, count, sums);
    else
      rows<false>(p, first, count, sums);
  }

 private:
  template <bool Sample>
  void rows(Index p, Index first, Index count, const T* sums) const {
    alignas(64) std::uint32_t words[kGroupWords];
    for (Index r = 0; r < count; ++r, sums += kPanel) {
      const Index row = first + r;
      if (Sample && (row % 2 == 0 || r == 0)) draws->pair(row / 2, p, words);
      one_row<Sample>(p, row, sums, words + row % 2 * kPanel);
    }
  }

  template <bool Sample>
  GIBBOUS_INLINE void one_row(Index p, Index row, const T* sums, const std::uint32_t* words) const {
    constexpr int L = kLanes<T>;
    const T beta = heat ? heat[row] : T(1), times = copies ? copies[row] : T(1);
    const T factor = weight ? weight[row] * scale : scale;
    T* out = probabilities ? probabilities + (p * stride + row) * kPanel : nullptr;
    std::uint32_t mask = 0;
    Vec<T> energy{};
    GIBBOUS_UNROLL
    for (int j = 0; j < kPanel; j += L) {
      const Vec<T> input = load(sums + j) + load(bias + p * kPanel + j) * times;
      const Vec<T> e = one_plus_exp_minus<T>(input * beta);
      if constexpr (Sample) {
        const Bits<T> on = widen_draws<T>(words + j) * e < T(1 << 24);
        mask |= mask_of_lanes<T>(on) << j;
        if (energies) {  // at infinite temperature, padding would be on as often as any unit
          const Bits<T> units = on & (input > kOff<T> / T(2));
          energy += reinterpret_cast<Vec<T>>(reinterpret_cast<Bits<T>>(input) & units);
        }
      }
      if (out) store(out + j, factor / e);
    }
    if constexpr (Sample) {
      states->panel_bits(p)[row] = chunk_of(mask & units_mask(states->units - p * kPanel));
      if (energies) energies[p * stride + row] = lane_sum<T>(energy);
    }
  }
};

}  // namespace gibbous::layers
