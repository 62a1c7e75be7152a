// SPDX-License-Identifier: Apache-2.0
// The inner loops of the fast sampler: Metropolis-Hastings steps for the tokens of one word or one
// document, a vector of tokens at a time, with counts frozen for the whole unit (the delayed counts
// of WarpLDA: Chen, Li, Zhu and Chen, VLDB 2016).
//
// The conditional of a token is f(k) g(k) with the document factor f(k) = n_dk + alpha_k and the
// word factor g(k) = (n_wk + beta_wk) / (n_k + sum beta). A word pass proposes from the counts of
// the word, and the document pass that follows accepts with f(k) / (n_k + sum beta) alone, because
// the count of the word cancels with that of the proposal; and vice versa.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gibbous/ground/random_bulk.hpp"
#include "gibbous/ground/simd.hpp"
#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// The state of a token: its topic in the low half, a proposal in the high one. With three proposals
// a second word holds the other two.
using State = std::uint32_t;
inline constexpr State kTopicMask = 0xFFFF;
inline constexpr std::int32_t kStay = 0xFFFF;  // a proposal to stay: not a valid topic

using IntLanes = Vec<std::int32_t>;
using WordLanes = Vec<std::uint32_t>;
using FloatLanes = Vec<float>;
inline constexpr Index kTokenLanes = kLanes<std::uint32_t>;

// Units are copied to buffers with room for whole groups of draws past their end.
inline constexpr Index kUnitSlack = kGroupWords;

// The tokens of a word or a document, or some of them.
struct Unit {
  State* a;             // INOUT topic and first proposal, with kUnitSlack readable states past n
  State* b;             // INOUT second and third proposal; null with one proposal
  Index n;              // tokens
  std::uint64_t first;  // address of the draws of the first token
};

// A symmetric prior, and one with a value per topic.
struct SamePrior {
  float value;
  FloatLanes at(IntLanes) const { return splat<float>(value); }
};
struct TopicPrior {
  const float* values;
  FloatLanes at(IntLanes topic) const { return gather(values, topic); }
};

// The acceptance factors: (n_k + prior_k) / (total_k + sum beta) for topics other than that of the
// token, and the same without the token's own count for its topic. Either computed on demand, or
// looked up in precomputed rows.
template <class Prior>
struct Counted {
  const Count* counts;   // (topics,) of the unit, including every token
  const float* with;     // (topics,) 1 / (total_k + sum beta)
  const float* without;  // (topics,) 1 / (total_k - 1 + sum beta)
  Prior prior;
  FloatLanes elsewhere(IntLanes k) const {
    return (__builtin_convertvector(gather(counts, k), FloatLanes) + prior.at(k)) * gather(with, k);
  }
  FloatLanes home(IntLanes k) const {
    return (__builtin_convertvector(gather(counts, k), FloatLanes) + (prior.at(k) - 1.0f)) *
           gather(without, k);
  }
};
struct Filled {
  const float* rows;  // (2, stride) other topics, own topic
  Index stride;
  FloatLanes elsewhere(IntLanes k) const { return gather(rows, k); }
  FloatLanes home(IntLanes k) const { return gather(rows + stride, k); }
};

// Uniforms in [0, 1] with high resolution near 0: 31 bits in floating point.
GIBBOUS_INLINE FloatLanes uniform_lanes(const std::uint32_t* bits) {
  const IntLanes positive = reinterpret_cast<IntLanes>(load(bits) >> 1);
  return __builtin_convertvector(positive, FloatLanes) * 0x1p-31f;
}

template <class V>
GIBBOUS_INLINE V choose(IntLanes mask, V yes, V no) {
  return reinterpret_cast<V>((reinterpret_cast<IntLanes>(yes) & mask) |
                             (reinterpret_cast<IntLanes>(no) & ~mask));
}

// Accepts or rejects the proposals of every token. OUT a: the new topic in the low half, the old
// one in the high half. The draws are the items from unit.first on, M for each group of 64 tokens.
template <int M, class Factors>
void accept(const Unit& unit, const Factors& factors, const std::array<BulkStream, M>& streams) {
  alignas(64) std::uint32_t bits[M][kGroupWords];
  for (Index i = 0; i < unit.n; i += kGroupWords) {
    const Index count = std::min<Index>(kGroupWords, unit.n - i);
    for (int m = 0; m < M; ++m)
      streams[static_cast<std::size_t>(m)].group(
          unit.first + static_cast<std::uint64_t>(i / kGroupWords * kGroupItems), count, bits[m]);
    for (Index j = 0; j < count; j += kTokenLanes) {
      State* a = unit.a + i + j;
      const WordLanes x = load(a);
      const IntLanes old = reinterpret_cast<IntLanes>(x & kTopicMask);
      const FloatLanes home = factors.home(old);
      IntLanes z = old;
      FloatLanes mine = home;
      WordLanes more{};
      if constexpr (M > 1) more = load(unit.b + i + j);
      GIBBOUS_UNROLL
      for (int m = 0; m < M; ++m) {
        IntLanes p = reinterpret_cast<IntLanes>(m == 0   ? x >> 16
                                                : m == 1 ? more & kTopicMask
                                                         : more >> 16);
        p = choose(p == kStay, z, p);
        FloatLanes theirs = factors.elsewhere(p);
        if constexpr (M > 1)  // a later step may lead back to the current topic
          theirs = choose(p == old, home, theirs);
        const IntLanes go = uniform_lanes(bits[m] + j) * mine < theirs;
        z = choose(go, p, z);
        mine = choose(go, theirs, mine);
      }
      store(a, reinterpret_cast<WordLanes>(z) | (x << 16));
    }
  }
}

// Integer part and fraction of u n for 32 random bits u in [0, 1): the index of a draw among n, and
// the remaining 32 bits of it.
struct Scaled {
  IntLanes whole;
  WordLanes fraction;
};
GIBBOUS_INLINE Scaled scale(WordLanes bits, std::uint32_t n) {
  using Wide = Vec<std::uint64_t>;
  const Wide even = mul_low_halves(reinterpret_cast<Wide>(bits), splat<std::uint64_t>(n));
  const Wide odd = mul_low_halves(reinterpret_cast<Wide>(bits) >> 32, splat<std::uint64_t>(n));
  constexpr std::uint64_t low = 0xFFFFFFFFu;
  return {reinterpret_cast<IntLanes>((even >> 32) | (odd & ~low)),
          reinterpret_cast<WordLanes>((even & low) | (odd << 32))};
}

// A distribution over topics with draws in constant time, an alias table (Walker 1977; Vose 1991).
class Alias {
 public:
  // weights (n): IN at least one positive.
  void build(const double* weights, Index n);
  Index size() const { return static_cast<Index>(other_.size()); }
  // Topics for 32 random bits each.
  GIBBOUS_INLINE IntLanes draw(WordLanes bits) const {
    const Scaled at = scale(bits, static_cast<std::uint32_t>(size()));
    const FloatLanes u =
        __builtin_convertvector(reinterpret_cast<IntLanes>(at.fraction >> 1), FloatLanes);
    return choose(u < gather(keep_.data(), at.whole), at.whole, gather(other_.data(), at.whole));
  }

 private:
  std::vector<float> keep_;          // (n,) probability of keeping an index, times 2^31
  std::vector<std::int32_t> other_;  // (n,) the alias
  std::vector<double> scaled_;
  std::vector<std::int32_t> small_, large_;
};

// The contribution of the prior to a proposal, drawn from a slot (negative if a lane does not use
// it) and its fraction: a topic, or at least `topics` for the share by which the sum of the prior
// is smaller than a whole number of slots.
struct SameDraw {
  float inverse;  // 1 / the value per topic
  std::int32_t topics;
  IntLanes at(IntLanes slot, WordLanes fraction) const {
    const IntLanes bits = reinterpret_cast<IntLanes>(fraction >> 1);
    const FloatLanes f = __builtin_convertvector(bits, FloatLanes) * 0x1p-31f;
    const FloatLanes y = (__builtin_convertvector(slot & (slot >= 0), FloatLanes) + f) * inverse;
    return __builtin_convertvector(choose(y < 65535.0f, y, splat<float>(65535.0f)), IntLanes);
  }
};
struct TopicDraw {
  const Alias* table;  // alias table of the prior; the last entry is the shortfall from whole slots
  std::uint32_t inverse;  // 2^32 / slots
  std::int32_t topics;
  IntLanes at(IntLanes slot, WordLanes fraction) const {
    const WordLanes rest = reinterpret_cast<WordLanes>(scale(fraction, inverse).whole);
    return table->draw(reinterpret_cast<WordLanes>(slot) * inverse + rest);
  }
};

// Proposes from (counts of the unit's other tokens + prior): copies the topic of a random other
// token, or draws from the prior, which takes `slots` positions in addition to the n - 1 tokens.
// The token itself is left out, so that the proposal does not depend on its topic and a second and
// third step have the correct ratio, too. If the sum of the prior is not an integer, the remainder
// proposes to stay.
template <int M, class Draw>
void propose(const Unit& unit, std::uint32_t slots, const Draw& draw,
             const std::array<BulkStream, M>& streams) {
  alignas(64) std::uint32_t bits[M][kGroupWords];
  const auto others = static_cast<std::int32_t>(unit.n) - 1;
  const std::uint32_t places = static_cast<std::uint32_t>(others) + slots;
  IntLanes lanes{};
  GIBBOUS_UNROLL
  for (int i = 0; i < kTokenLanes; ++i) lanes[i] = i;
  for (Index i = 0; i < unit.n; i += kGroupWords) {
    const Index count = std::min<Index>(kGroupWords, unit.n - i);
    for (int m = 0; m < M; ++m)
      streams[static_cast<std::size_t>(m)].group(
          unit.first + static_cast<std::uint64_t>(i / kGroupWords * kGroupItems), count, bits[m]);
    for (Index j = 0; j < count; j += kTokenLanes) {
      State* a = unit.a + i + j;
      const IntLanes own = lanes + static_cast<std::int32_t>(i + j);
      const IntLanes z = reinterpret_cast<IntLanes>(load(a) & kTopicMask);
      IntLanes proposal[M];
      GIBBOUS_UNROLL
      for (int m = 0; m < M; ++m) {
        const Scaled at = scale(load(bits[m] + j), places);
        const IntLanes copies = at.whole < others;
        // a true comparison is -1: tokens from the own one on move up by one
        const IntLanes token = (at.whole - (at.whole >= own)) & copies;
        const IntLanes copied = gather(reinterpret_cast<const std::int32_t*>(unit.a), token) &
                                static_cast<std::int32_t>(kTopicMask);
        const IntLanes drawn = draw.at(at.whole - others, at.fraction);
        const IntLanes prior = choose(drawn < draw.topics, drawn, splat<std::int32_t>(kStay));
        proposal[m] = choose(copies, copied, prior);
      }
      store(a, reinterpret_cast<WordLanes>(z | (proposal[0] << 16)));
      if constexpr (M > 1)
        store(unit.b + i + j, reinterpret_cast<WordLanes>(proposal[1] | (proposal[2] << 16)));
    }
  }
}

// Proposes from one table for a whole word: used for a part of a very frequent word, whose other
// tokens are stored elsewhere, and for a word whose distribution is given.
template <int M>
void propose_from(const Unit& unit, const Alias& table, const std::array<BulkStream, M>& streams) {
  alignas(64) std::uint32_t bits[M][kGroupWords];
  for (Index i = 0; i < unit.n; i += kGroupWords) {
    const Index count = std::min<Index>(kGroupWords, unit.n - i);
    for (int m = 0; m < M; ++m)
      streams[static_cast<std::size_t>(m)].group(
          unit.first + static_cast<std::uint64_t>(i / kGroupWords * kGroupItems), count, bits[m]);
    for (Index j = 0; j < count; j += kTokenLanes) {
      State* a = unit.a + i + j;
      IntLanes proposal[M];
      GIBBOUS_UNROLL
      for (int m = 0; m < M; ++m) proposal[m] = table.draw(load(bits[m] + j));
      store(a, (load(a) & kTopicMask) | reinterpret_cast<WordLanes>(proposal[0] << 16));
      if constexpr (M > 1)
        store(unit.b + i + j, reinterpret_cast<WordLanes>(proposal[1] | (proposal[2] << 16)));
    }
  }
}

}  // namespace gibbous::lda
