// SPDX-License-Identifier: Apache-2.0
// Loads rows of the data of the caller into layers.
#include "gibbous/layers/source.hpp"

#include <cstring>
#include <vector>

#include "gibbous/layers/rows.hpp"

namespace gibbous::layers {
namespace {

// Rows that a task converts: enough to be worth a task, and whole pairs of draws.
constexpr Index kRowsOfTask = 32;

// Row r of the source as `width` numbers in [0, 1], with zeros past the last unit.
template <class T>
void widen(const Source<T>& x, Index r, Index width, T* out) {
  std::fill(out, out + width, T(0));
  if (x.bytes) {
    for (Index j = 0; j < x.d; ++j) out[j] = static_cast<T>(x.bytes[r * x.d + j]) * x.scale;
  } else if (x.real) {
    for (Index j = 0; j < x.d; ++j) out[j] = x.real[r * x.d + j] * x.scale;
  } else {
    for (Index64 e = x.indptr[r]; e < x.indptr[r + 1]; ++e) out[x.indices[e]] = x.data[e] * x.scale;
  }
}

// Row r of a CSR source of ones.
template <class T>
void set_ones(const Source<T>& x, Index r, Index place, Layer<T>& out) {
  for (Index p = 0; p < out.panels(); ++p) out.panel_bits(p)[place] = 0;
  for (Index64 e = x.indptr[r]; e < x.indptr[r + 1]; ++e) {
    const Index j = x.indices[e];
    out.panel_bits(j / kPanel)[place] |= chunk_of(1u << j % kPanel);
  }
}

// Row `place` of the batch, drawn from probabilities.
template <class T>
void draw_row(const T* p, Index place, const StateDraws& draws, Layer<T>& out) {
  alignas(64) std::uint32_t words[kGroupWords];
  for (Index panel = 0; panel < out.panels(); ++panel) {
    draws.pair(place / 2, panel, words);
    const std::uint32_t* u = words + place % 2 * kPanel;
    std::uint32_t mask = 0;
    for (Index j = 0; j < kPanel; ++j) {
      const T uniform = (static_cast<T>(u[j] >> 8) + T(0.5)) * T(0x1p-24);
      mask |= static_cast<std::uint32_t>(uniform < p[panel * kPanel + j]) << j;
    }
    out.panel_bits(panel)[place] = chunk_of(mask);
  }
}

}  // namespace

template <class T>
void load_rows_of(const Execution& run, const Source<T>& x, const Index64* rows, Index first,
                  Index count, const StateDraws* draws, Layer<T>& out) {
  out.rows = count;
  const Index tasks = (count + kRowsOfTask - 1) / kRowsOfTask;
  parallel_tasks(run, tasks, [&](Index task, const Worker&) {
    std::vector<T> wide(static_cast<std::size_t>(x.sample ? out.width() : 0));
    const Index end = std::min(count, (task + 1) * kRowsOfTask);
    for (Index place = task * kRowsOfTask; place < end; ++place) {
      const Index r = rows ? static_cast<Index>(rows[first + place]) : first + place;
      if (x.bits) {
        const std::uint32_t* words = x.bits + r * out.panels();
        for (Index p = 0; p < out.panels(); ++p) out.panel_bits(p)[place] = chunk_of(words[p]);
      } else if (x.ones) {
        set_ones(x, r, place, out);
      } else if (x.sample) {
        widen(x, r, out.width(), wide.data());
        draw_row(wide.data(), place, *draws, out);
      } else {
        widen(x, r, out.width(), out.row(place));
      }
    }
  });
}

namespace {

// Word of the states of up to 32 units; sets `fine` to false if one is neither 0 nor 1.
template <class V>
std::uint32_t word_of(const V* row, Index units, bool& fine) {
  std::uint32_t mask = 0;
  for (Index j = 0; j < units; ++j) {
    fine = fine && (row[j] == V(0) || row[j] == V(1));
    mask |= static_cast<std::uint32_t>(row[j] != V(0)) << j;
  }
  return mask;
}

// Eight bytes at a time: the product moves bit 8 j to bit 56 + j, without overlap.
std::uint32_t word_of(const std::uint8_t* row, Index units, bool& fine) {
  std::uint32_t mask = 0;
  std::uint64_t seen = 0;
  for (Index j = 0; j < units; j += 8) {
    std::uint64_t x = 0;
    if (units - j >= 8)  // the size is known at compile time, so that there is no call
      std::memcpy(&x, row + j, 8);
    else
      std::memcpy(&x, row + j, static_cast<std::size_t>(units - j));
    seen |= x;
    mask |= static_cast<std::uint32_t>((x & 0x0101010101010101u) * 0x0102040810204080u >> 56) << j;
  }
  fine = fine && !(seen & ~0x0101010101010101u);
  return mask;
}

}  // namespace

template <class V>
bool pack_states(const Execution& run, const V* x, Index n, Index d, std::uint32_t* words) {
  const Index panels = panels_of(d);
  std::atomic<bool> clean{true};
  const Index tasks = slots(n, 64);
  parallel_tasks(run, tasks, [&](Index task, const Worker& worker) {
    const Range range = slot_range(n, tasks, task);
    for (Index r = range.begin; r < range.end && clean; ++r) {
      if (r % 1024 == 0) worker.checkpoint();
      bool fine = true;
      for (Index p = 0; p < panels; ++p) {
        const Index units = std::min(kPanel, d - p * kPanel);
        words[r * panels + p] = word_of(x + r * d + p * kPanel, units, fine);
      }
      if (!fine) clean = false;
    }
  });
  return clean;
}

#define GIBBOUS_LAYERS_SOURCE(T)                                                                  \
  template void load_rows_of<T>(const Execution&, const Source<T>&, const Index64*, Index, Index, \
                                const StateDraws*, Layer<T>&);                                    \
  template bool pack_states<T>(const Execution&, const T*, Index, Index, std::uint32_t*);
GIBBOUS_LAYERS_SOURCE(float)
GIBBOUS_LAYERS_SOURCE(double)
template bool pack_states<std::uint8_t>(const Execution&, const std::uint8_t*, Index, Index,
                                        std::uint32_t*);

}  // namespace gibbous::layers
