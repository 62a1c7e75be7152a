// SPDX-License-Identifier: Apache-2.0
// Products of binary states with real matrices by table lookup, the method of the four Russians
// (Arlazarov, Dinic, Kronrod and Faradzhev 1970): the 16 possible sums of every four rows of the
// matrix are tabulated, and each row of states adds one entry instead of four multiply-adds. With
// 64 or more rows this is two to three times as fast as the peak rate of fused multiply-adds.
//
// Data are laid out in panels of 32 columns: a matrix is stored panel by panel, each panel as rows
// of 32 numbers, and the states of 32 units form one Chunk.
#pragma once
#include <algorithm>

#include "gibbous/ground/simd.hpp"

namespace gibbous {

inline constexpr Index kPanel = 32;
inline Index panels_of(Index n) { return (n + kPanel - 1) / kPanel; }

// The states of 32 units: the upper half of byte g holds units 4 g ... 4 g + 3, so that the byte is
// the offset of their entry in a table with 16-byte steps. Bytes are read one by one, lowest first.
using Chunk = std::uint64_t;
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

GIBBOUS_INLINE Chunk chunk_of(std::uint32_t mask) {
  Chunk x = mask;
  x = (x | x << 16) & 0x0000FFFF0000FFFFu;
  x = (x | x << 8) & 0x00FF00FF00FF00FFu;
  x = (x | x << 4) & 0x0F0F0F0F0F0F0F0Fu;
  return x << 4;
}

GIBBOUS_INLINE std::uint32_t mask_of(Chunk x) {
  x = (x >> 4) & 0x0F0F0F0F0F0F0F0Fu;
  x = (x | x >> 4) & 0x00FF00FF00FF00FFu;
  x = (x | x >> 8) & 0x0000FFFF0000FFFFu;
  return static_cast<std::uint32_t>(x | x >> 16);
}

namespace bits {

// Bytes per table entry: 8 tables of 16 entries take 16 KB and fit in the L1 cache together with
// the sums of 128 rows.
inline constexpr int kEntryBytes = 128;
inline constexpr int kVectors = kEntryBytes / kVectorBytes;
inline constexpr int kTables = 8, kEntries = 16;
template <class T>
inline constexpr Index kColumns = kEntryBytes / static_cast<Index>(sizeof(T));

// With fewer rows, building the tables does not pay off: the set bits are added one by one.
inline constexpr Index kFewRows = 24;

// Tables of the sums of rows 0-3, 4-7 ... 28-31 of w (row stride kPanel, kColumns columns).
template <class T>
inline void build_tables(const T* w, T* tables) {
  constexpr int L = kLanes<T>;
  for (int g = 0; g < kTables; ++g, w += 4 * kPanel, tables += kEntries * kColumns<T>) {
    GIBBOUS_UNROLL
    for (int c = 0; c < kVectors; ++c) {
      const Vec<T> x0 = load(w + c * L), x1 = load(w + kPanel + c * L);
      const Vec<T> x2 = load(w + 2 * kPanel + c * L), x3 = load(w + 3 * kPanel + c * L);
      Vec<T> s[kEntries];
      s[0] = Vec<T>{};
      s[1] = x0;
      s[2] = x1;
      s[3] = x0 + x1;
      GIBBOUS_UNROLL
      for (int i = 0; i < 4; ++i) s[4 + i] = s[i] + x2;
      GIBBOUS_UNROLL
      for (int i = 0; i < 8; ++i) s[8 + i] = s[i] + x3;
      GIBBOUS_UNROLL
      for (int i = 0; i < kEntries; ++i) store(tables + i * kColumns<T> + c * L, s[i]);
    }
  }
}

// acc[r] (row stride kPanel) += the entries selected by states[r].
template <class T>
inline void add_entries(const Chunk* states, Index rows, const T* tables, T* acc) {
  constexpr int L = kLanes<T>;
  for (Index r = 0; r < rows; ++r, acc += kPanel) {
    if (!states[r]) continue;
    const unsigned char* offsets = reinterpret_cast<const unsigned char*>(states + r);
    Vec<T> s[kVectors];
    GIBBOUS_UNROLL
    for (int c = 0; c < kVectors; ++c) s[c] = load(acc + c * L);
    GIBBOUS_UNROLL
    for (int g = 0; g < kTables; ++g) {
      const T* entry = tables + g * kEntries * kColumns<T> + offsets[g] * (kColumns<T> / kEntries);
      GIBBOUS_UNROLL
      for (int c = 0; c < kVectors; ++c) s[c] += load(entry + c * L);
    }
    GIBBOUS_UNROLL
    for (int c = 0; c < kVectors; ++c) store(acc + c * L, s[c]);
  }
}

// The same for few rows, bit by bit.
template <class T>
inline void add_set_bits(const Chunk* states, Index rows, const T* w, T* acc) {
  constexpr int L = kLanes<T>;
  for (Index r = 0; r < rows; ++r, acc += kPanel) {
    Chunk x = states[r];
    if (!x) continue;
    Vec<T> s[kVectors];
    GIBBOUS_UNROLL
    for (int c = 0; c < kVectors; ++c) s[c] = load(acc + c * L);
    for (; x; x &= x - 1) {
      const int place = __builtin_ctzll(x);
      const T* row = w + (place / 8 * 4 + (place & 3)) * kPanel;
      GIBBOUS_UNROLL
      for (int c = 0; c < kVectors; ++c) s[c] += load(row + c * L);
    }
    GIBBOUS_UNROLL
    for (int c = 0; c < kVectors; ++c) store(acc + c * L, s[c]);
  }
}

}  // namespace bits

// Workspace of one thread for the tables.
template <class T>
using BitTables = Buffer<T>;
template <class T>
BitTables<T> bit_tables() {
  return BitTables<T>(static_cast<std::size_t>(bits::kTables * bits::kEntries * bits::kColumns<T>));
}

// acc[r][j] += sum_i state(r, i) * w[i][j] for the 32 columns of a panel.
// states: IN [chunk][stride]; the first `rows` of each chunk are used
// w:      IN [32 * chunks][32];  acc: INOUT [rows][32];  tables: scratch
template <class T>
inline void add_bits(const Chunk* states, Index stride, Index rows, Index chunks, const T* w,
                     BitTables<T>& tables, T* acc) {
  // Images have empty borders: of the chunks of MNIST a third are zero, and a tenth are zero in all
  // of 128 rows; transposed, a half and a fifth. Skipping them saves a fifth of a product with the
  // states of MNIST and a third with these transposed, and adds 3% to one with random states (p =
  // 0.5, Zen 3).
  for (Index c = 0; c < chunks; ++c, states += stride, w += kPanel * kPanel) {
    Chunk any = 0;
    for (Index r = 0; r < rows; ++r) any |= states[r];
    if (!any) continue;
    for (Index j = 0; j < kPanel; j += bits::kColumns<T>) {
      if (rows < bits::kFewRows) {
        bits::add_set_bits(states, rows, w + j, acc + j);
      } else {
        bits::build_tables(w + j, tables.data());
        bits::add_entries(states, rows, tables.data(), acc + j);
      }
    }
  }
}

// acc[r][j] += sum_i a(r, i) * w[i][j] for real a(r, i) = a[r * by_row + i * by_depth], the 32
// columns of the panel and `depth` rows of w.
template <class T>
inline void add_real(const T* a, Index by_row, Index by_depth, Index rows, Index depth, const T* w,
                     T* acc) {
  constexpr int L = kLanes<T>, C = bits::kVectors;
  constexpr int R = kVectorRegisters >= 32 ? (C <= 2 ? 8 : 4) : (C <= 4 ? 3 : 1);
  constexpr Index deep = 64;  // 8 KB of w stay in the L1 cache while the rows are processed
  const auto tile = [&](auto count, Index r, Index from, Index to, Index j) {
    constexpr int n = decltype(count)::value;
    Vec<T> s[n][C];
    GIBBOUS_UNROLL
    for (int i = 0; i < n; ++i) GIBBOUS_UNROLL
    for (int c = 0; c < C; ++c) s[i][c] = load(acc + (r + i) * kPanel + j + c * L);
    for (Index d = from; d < to; ++d) {
      Vec<T> x[C];
      GIBBOUS_UNROLL
      for (int c = 0; c < C; ++c) x[c] = load(w + d * kPanel + j + c * L);
      GIBBOUS_UNROLL
      for (int i = 0; i < n; ++i) {
        const T v = a[(r + i) * by_row + d * by_depth];
        GIBBOUS_UNROLL
        for (int c = 0; c < C; ++c) s[i][c] += v * x[c];
      }
    }
    GIBBOUS_UNROLL
    for (int i = 0; i < n; ++i) GIBBOUS_UNROLL
    for (int c = 0; c < C; ++c) store(acc + (r + i) * kPanel + j + c * L, s[i][c]);
  };
  for (Index from = 0; from < depth; from += deep) {
    const Index to = std::min(depth, from + deep);
    for (Index j = 0; j < kPanel; j += bits::kColumns<T>) {
      Index r = 0;
      for (; r + R <= rows; r += R) tile(std::integral_constant<int, R>{}, r, from, to, j);
      for (; r < rows; ++r) tile(std::integral_constant<int, 1>{}, r, from, to, j);
    }
  }
}

// Transposes a block of 32 rows of 32 bits in place: bit j of row i becomes bit i of row j. One
// instruction extracts the highest bits of a vector of rows as a mask.
inline void turn_bits(std::uint32_t (&rows)[32]) {
  constexpr int L = kLanes<std::int32_t>;
  Vec<std::int32_t> left[32 / L];
  std::memcpy(left, rows, sizeof rows);
  for (int j = 31; j >= 0; --j) {
    std::uint32_t mask = 0;
    GIBBOUS_UNROLL
    for (int v = 0; v < 32 / L; ++v) {
      mask |= lane_mask(left[v]) << (v * L);
      left[v] <<= 1;
    }
    rows[j] = mask;
  }
}

// out[row chunk][unit] = the transpose of states [unit chunk][row]; rows past `rows` count as off.
inline void turn_states(const Chunk* states, Index stride, Index rows, Index chunks, Chunk* out) {
  const Index units = chunks * kPanel;
  for (Index c = 0; c < chunks; ++c) {
    for (Index first = 0; first < rows; first += kPanel) {
      std::uint32_t block[32] = {};
      const Index count = std::min(kPanel, rows - first);
      for (Index r = 0; r < count; ++r) block[r] = mask_of(states[c * stride + first + r]);
      turn_bits(block);
      Chunk* to = out + first / kPanel * units + c * kPanel;
      for (int i = 0; i < 32; ++i) to[i] = chunk_of(block[i]);
    }
  }
}

}  // namespace gibbous
