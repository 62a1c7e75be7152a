// SPDX-License-Identifier: Apache-2.0
// The probabilities of the words of one document under all topics, as a dense block.
#pragma once
#include <algorithm>

#include "gibbous/ground/simd.hpp"
#include "gibbous/lda/measure/measures.hpp"

namespace gibbous::lda {

// k numbers padded with zeros to whole vectors.
template <class T, class From>
Buffer<T> row_of(const From* x, Index k) {
  const Index padded = (k + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  Buffer<T> row(static_cast<std::size_t>(padded), T(0));
  std::transform(x, x + k, row.begin(), [](From v) { return static_cast<T>(v); });
  return row;
}

template <class T>
class Block {
 public:
  explicit Block(const TopicWord& phi) : phi_(phi), floor_(row_of<T>(phi.floor, phi.k)) {}

  // Row u becomes phi[:, words[u]]; rows from `types` on become zeros.
  void gather(const Index32* words, Index types, Index rows) {
    const auto size = static_cast<std::size_t>(rows * stride());
    if (rows_.size() < size) rows_.resize(size);
    for (Index u = 0; u < types; ++u) {
      T* row = rows_.data() + u * stride();
      std::copy(floor_.begin(), floor_.end(), row);
      for (Index64 e = phi_.indptr[words[u]]; e < phi_.indptr[words[u] + 1]; ++e)
        row[phi_.topics[e]] += static_cast<T>(phi_.values[e]);
    }
    std::fill(rows_.data() + types * stride(), rows_.data() + rows * stride(), T(0));
  }

  Index stride() const { return static_cast<Index>(floor_.size()); }
  const T* row(Index u) const { return rows_.data() + u * stride(); }
  const T* floor() const { return floor_.data(); }

 private:
  TopicWord phi_;
  Buffer<T> floor_, rows_;
};

}  // namespace gibbous::lda
