// SPDX-License-Identifier: Apache-2.0
// How well fitted topics describe documents: their topics by a fixed point, held-out probability,
// and the counts behind the coherence measures.
//
// A document's result depends on its own words and the topics alone: not on the documents beside
// it, their order, or the number of threads.
#pragma once
#include <cstdint>

#include "gibbous/lda/documents.hpp"

namespace gibbous::lda {

// Topic-word distributions as sparse values over a floor: phi[k, w] = floor[k] + value(w, k).
struct TopicWord {
  const Index64* indptr;  // IN (words + 1,) offsets into topics and values
  const Topic* topics;    // IN ascending within a word
  const float* values;    // IN >= 0
  const float* floor;     // IN (k,)
  Index words;            // vocabulary
  Index k;                // topics
};

struct FixedPoint {
  int max_iter;      // at least 1
  double tolerance;  // ends a document once the sum of |change of theta| is no larger
};

// Distribution over topics of each document, for given phi and Dirichlet parameters alpha > 0:
//
//   theta <- normalize(alpha + sum_w n_w r_w),   r_wk = theta_k phi_kw / sum_j theta_j phi_jw
//
// from the uniform distribution: the deterministic cousin of collapsed Gibbs sampling that
// Asuncion, Welling, Smyth and Teh (2009) call CVB0, for fixed phi and without leaving a token out.
// It is the EM step of Hofmann (1999) with pseudo-counts. A document without words gets alpha /
// sum(alpha); a word that no topic in play can emit is passed over.
//
// alpha IN (k,); theta OUT (n, k). Returns how many documents stopped at max_iter. A document takes
// O(iterations * min(types * k, stored values of its words)).
template <class T>
Index fold_in(const Execution& run, const Documents& docs, const TopicWord& phi,
              const double* alpha, const FixedPoint& how, T* theta);

// Where `infer` puts its result: all of it, or the shares that reach a threshold.
struct Shares {
  double* dense;    // OUT (n, k), or null
  float threshold;  // without `dense`: the least share told
  Index capacity;   // ... of at most so many topics a document
  Index32* found;   // OUT (n,)
  Topic* topics;    // OUT (n, capacity), the first found[d] of each row
  float* values;    // OUT (n, capacity)
};

// The fixed point itself that `fold_in` iterates towards. It is the one maximum on the simplex of
//
//   sum_w n_w log sum_k theta_k phi_kw + sum_k alpha_k log theta_k,
//
// a concave function, so that it may be sought on any way: by EM steps with squared extrapolation
// (Varadhan and Roland 2008), for many topics on those alone that the document makes use of, all
// others standing where their gain leaves them, theta_k = alpha_k / (mass - gain_k); then a look at
// all topics, and again until an EM step for all of them changes theta by no more than the
// tolerance. max_iter bounds the passes over the words of a document. Single precision where it
// reaches the tolerance. Returns how many documents stopped at max_iter.
Index infer(const Execution& run, const Documents& docs, const TopicWord& phi, const double* alpha,
            const FixedPoint& how, const Shares& out);

// log_p OUT (n,): sum over the words of a document of n_w log sum_k theta_dk phi_kw. -inf where a
// word has no probability. theta IN (n, k).
template <class T>
void log_predictive(const Execution& run, const Documents& docs, const TopicWord& phi,
                    const T* theta, double* log_p);

enum class LeftToRight {
  // Algorithm 3 of Wallach, Murray, Salakhutdinov and Mimno (2009): particles run side by side, a
  // position's probability is their mean. A particle's state is not weighted by the probability
  // that it gave to the word it took in; the sweeps repair that in part, more particles do not.
  particles,
  // The sequential form of Buntine (2009): one chain, swept several times before each position. It
  // goes on from one of these states, drawn in proportion to the probability that the state gives
  // the position's word, which makes the product over positions unbiased for any number of sweeps.
  sequential,
};

struct LeftToRightPlan {
  LeftToRight form;
  Index samples;   // particles, or sweeps before each position; at least 1
  Index resample;  // earlier positions drawn anew in a sweep; -1 for all of them
  std::uint64_t seed;
};

// log_p OUT (n,): estimates of log p(words of a document | phi, alpha), for its tokens in an order
// drawn at random; the probability is the same for every order. Random numbers are addressed by the
// seed, the document's words and counts, and the draw. O(samples * tokens^2 * k) for a document
// where `resample` is -1, else O(samples * tokens * resample * k).
void left_to_right(const Execution& run, const Documents& docs, const TopicWord& phi,
                   const double* alpha, const LeftToRightPlan& plan, double* log_p);

// Texts as lists of word ids, in order; a negative id is a word that nobody asks for.
struct Texts {
  const Index64* indptr;  // IN (n + 1,)
  const Index32* words;   // IN below `vocabulary`
  Index n;
  Index vocabulary;
};

inline constexpr Index kMostTopWords = 64;

// pairs OUT (topics, top, top): in how many windows the words i and j of a topic's list occur
// together; on the diagonal, the windows with the word. A window is a run of `window` neighboring
// words, one a position, or the whole text where it is no longer or `window` is 0; a text without
// words has none. lists IN (topics, top) of word ids, negative for words that no text has, distinct
// within a topic; top <= kMostTopWords. Returns the number of windows.
Index64 count_pairs(const Execution& run, const Texts& texts, const Index32* lists, Index topics,
                    Index top, Index window, Index64* pairs);

}  // namespace gibbous::lda
