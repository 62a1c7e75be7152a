// SPDX-License-Identifier: Apache-2.0
// Index types and the views that kernels accept. Arrays are row-major and owned by the caller.
#pragma once
#include <cstddef>
#include <cstdint>

namespace gibbous {

// Rows, columns and offsets. Signed, so that differences and reversed loops are safe; 64 bits,
// because n * d exceeds 2^31 for large data.
using Index = std::ptrdiff_t;

// Cluster and component labels: 32 bits hold any count that fits in memory and halve the traffic
// of the label array; signed to match the labels_ of scikit-learn's K-means.
using Label = std::int32_t;

// Column indices and row offsets of a CSR matrix. Kernels are instantiated for 32 and 64 bits.
using Index32 = std::int32_t;
using Index64 = std::int64_t;

// n rows of d numbers of type T with no gaps, and optionally a non-negative weight for each row.
template <class T>
struct Rows {
  const T* x;       // IN (n, d)
  Index n;          // rows
  Index d;          // columns
  const T* weight;  // IN (n,) or null for all ones

  const T* row(Index i) const { return x + i * d; }
  T w(Index i) const { return weight ? weight[i] : T(1); }
};

}  // namespace gibbous
