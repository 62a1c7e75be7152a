// SPDX-License-Identifier: Apache-2.0
// The hidden units of rows, given the visible ones.
#pragma once
#include <cstdint>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/layers/parameters.hpp"
#include "gibbous/layers/source.hpp"

namespace gibbous::layers {

// out (n, hidden): E(h | v), which for binary units is P(h = 1 | v).
template <class T>
void hidden_means(const Execution& run, const Source<T>& x, Parameters<T> net, T* out);

// out (n, hidden): a draw from P(h | v), addressed by seed and step.
template <class T>
void draw_hidden(const Execution& run, const Source<T>& x, Parameters<T> net, std::uint64_t seed,
                 std::uint32_t step, T* out);

}  // namespace gibbous::layers
