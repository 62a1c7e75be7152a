// SPDX-License-Identifier: Apache-2.0
// The inner loops of the fast sampler: Metropolis-Hastings steps for the tokens of one word or one
// document, some lanes of tokens at a time, against counts frozen for the whole unit (the delayed
// counts of WarpLDA: Chen, Li, Zhu and Chen, VLDB 2016).
//
// The conditional of a token is f(k) g(k) with f(k) = n_dk + alpha_k, a document's factor, and
// g(k) = (n_wk + beta_wk) / (n_k + sum beta), a word's. A word pass proposes from the word's counts
// and the document pass that follows accepts against f(k) / (n_k + sum beta) alone, because the
// word's count cancels with the proposal's; and the other way round.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gibbous/ground/random_bulk.hpp"
#include "gibbous/ground/simd.hpp"
#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// The state of a token: its topic in the low half, a proposal in the high one; with three proposals
// a second word holds two more.
using State = std::uint32_t;
inline constexpr State kTopicMask = 0xFFFF;
inline constexpr std::int32_t kStay = 0xFFFF;  // a proposal of no change: no topic has this number

using IntLanes = Vec<std::int32_t>;
using WordLanes = Vec<std::uint32_t>;
using FloatLanes = Vec<float>;
inline constexpr Index kTokenLanes = kLanes<std::uint32_t>;

// Units are copied to buffers with room for whole groups of draws beyond their end.
inline constexpr Index kUnitSlack = kGroupWords;

// The tokens of a word or a document, or a part of them.
struct Unit {
  State* a;             // INOUT topic and first proposal, with kUnitSlack readable states beyond n
  State* b;             // INOUT second and third proposal; null with one proposal
  Index n;              // tokens
  std::uint64_t first;  // address of the first token's draws
};

// A symmetric prior, and one with a value a topic.
struct SamePrior {
  float value;
  FloatLanes at(IntLanes) const { return splat<float>(value); }
};
struct TopicPrior {
  const float* values;
  FloatLanes at(IntLanes topic) const { return gather(values, topic); }
};

// What a pass accepts against: (n_k + prior_k) / (total_k + sum beta) for a topic where the token
// does not stand, and the same without the token's own count for the one where it does. Either
// computed where it is asked for, or looked up in rows that were filled before.
template <class Prior>
struct Counted {
  const Count* counts;   // (topics,) of the unit, every token included
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
  const float* rows;  // (2, stride) elsewhere, home
  Index stride;
  FloatLanes elsewhere(IntLanes k) const { return gather(rows, k); }
  FloatLanes home(IntLanes k) const { return gather(rows + stride, k); }
};

// Uniforms in [0, 1] that are fine near 0: 31 bits with a floating point.
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
        if constexpr (M > 1)  // a later step may lead back to where the token stands
          theirs = choose(p == old, home, theirs);
        const IntLanes go = uniform_lanes(bits[m] + j) * mine < theirs;
        z = choose(go, p, z);
        mine = choose(go, theirs, mine);
      }
      store(a, reinterpret_cast<WordLanes>(z) | (x << 16));
    }
  }
}

// Integer part and fraction of u n for 32 random bits u in [0, 1): the place of a draw among n, and
// the 32 bits that are left of it.
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

// A distribution over topics that is drawn from in constant time (Walker 1977; Vose 1991).
class Alias {
 public:
  // weights (n): IN positive somewhere.
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
  std::vector<float> keep_;          // (n,) chance to keep a place, times 2^31
  std::vector<std::int32_t> other_;  // (n,) where to go instead
  std::vector<double> scaled_;
  std::vector<std::int32_t> small_, large_;
};

// The prior's part of a proposal, drawn from a slot (negative where a lane has no use for it) and
// a fraction of it: a topic, or no less than `topics` for the share by which the prior's sum falls
// short of a whole number of slots.
struct SameDraw {
  float inverse;  // 1 / the value a topic
  std::int32_t topics;
  IntLanes at(IntLanes slot, WordLanes fraction) const {
    const IntLanes bits = reinterpret_cast<IntLanes>(fraction >> 1);
    const FloatLanes f = __builtin_convertvector(bits, FloatLanes) * 0x1p-31f;
    const FloatLanes y = (__builtin_convertvector(slot & (slot >= 0), FloatLanes) + f) * inverse;
    return __builtin_convertvector(choose(y < 65535.0f, y, splat<float>(65535.0f)), IntLanes);
  }
};
struct TopicDraw {
  const Alias* table;     // of the prior, and as its last place of what is short of whole slots
  std::uint32_t inverse;  // 2^32 / slots
  std::int32_t topics;
  IntLanes at(IntLanes slot, WordLanes fraction) const {
    const WordLanes rest = reinterpret_cast<WordLanes>(scale(fraction, inverse).whole);
    return table->draw(reinterpret_cast<WordLanes>(slot) * inverse + rest);
  }
};

// Proposes from (counts of the unit's other tokens + prior): copies the topic of a random other
// token, or draws from the prior, which takes `slots` places beside the n - 1 tokens. The token
// itself is left out, so that the proposal does not depend on where it stands: with that, a second
// and third step have the right ratio too. Where the prior's sum is not whole, the rest proposes
// to stay.
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
        // a comparison is -1 where it holds: tokens from the own one on move up by one
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

// Proposes from one table for a whole word: what a part of a very frequent word does, whose other
// tokens lie elsewhere, and what a word does whose distribution is given.
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
