// SPDX-License-Identifier: Apache-2.0
// How well fitted topics describe documents: the topics of documents by a fixed point, held-out
// probability, and the counts for the coherence measures.
//
// The result of a document depends only on its own words and the topics, not on the other
// documents, their order, or the number of threads.
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
  double tolerance;  // stops a document when the sum of |change of theta| is at most this
};

// Distribution over topics of each document, for given phi and Dirichlet parameters alpha > 0:
//
//   theta <- normalize(alpha + sum_w n_w r_w),   r_wk = theta_k phi_kw / sum_j theta_j phi_jw
//
// from the uniform distribution: the deterministic variant of collapsed Gibbs sampling that
// Asuncion, Welling, Smyth and Teh (2009) call CVB0, for fixed phi and without excluding a token.
// It is the EM step of Hofmann (1999) with pseudo-counts. A document without words gets alpha /
// sum(alpha); a word with probability 0 under all topics with weight is ignored.
//
// alpha IN (k,); theta OUT (n, k). Returns the number of documents that stopped at max_iter. A
// document costs O(iterations * min(types * k, stored values of its words)).
template <class T>
Index fold_in(const Execution& run, const Documents& docs, const TopicWord& phi,
              const double* alpha, const FixedPoint& how, T* theta);

// Output of `infer`: all shares, or those that reach a threshold.
struct Shares {
  double* dense;    // OUT (n, k), or null
  float threshold;  // without `dense`: the smallest share returned
  Index capacity;   // ... of at most so many topics per document
  Index32* found;   // OUT (n,)
  Topic* topics;    // OUT (n, capacity), the first found[d] of each row
  float* values;    // OUT (n, capacity)
};

// The fixed point that `fold_in` converges to. It is the unique maximum on the simplex of
//
//   sum_w n_w log sum_k theta_k phi_kw + sum_k alpha_k log theta_k,
//
// a concave function, so that any ascent may be used: EM steps with squared extrapolation (Varadhan
// and Roland 2008), for many topics restricted to the active ones of the document, with all others
// at the fixed point given their gain, theta_k = alpha_k / (mass - gain_k); then all topics are
// checked, and this repeats until an EM step for all of them changes theta by no more than the
// tolerance. max_iter limits the passes over the words of a document. Single precision is used if
// it reaches the tolerance. Returns the number of documents that stopped at max_iter.
Index infer(const Execution& run, const Documents& docs, const TopicWord& phi, const double* alpha,
            const FixedPoint& how, const Shares& out);

// log_p OUT (n,): sum over the words of a document of n_w log sum_k theta_dk phi_kw. -inf if a word
// has probability 0. theta IN (n, k).
template <class T>
void log_predictive(const Execution& run, const Documents& docs, const TopicWord& phi,
                    const T* theta, double* log_p);

enum class LeftToRight {
  // Algorithm 3 of Wallach, Murray, Salakhutdinov and Mimno (2009): particles run in parallel, and
  // the probability of a position is their mean. The state of a particle is not weighted by the
  // probability that it gave to the word it added; the sweeps correct that in part, more particles
  // do not.
  particles,
  // The sequential form of Buntine (2009): one chain with several sweeps before each position. It
  // continues from one of these states, drawn with probability proportional to the probability that
  // the state gives to the word of the position, which makes the product over positions unbiased
  // for any number of sweeps.
  sequential,
};

struct LeftToRightPlan {
  LeftToRight form;
  Index samples;   // particles, or sweeps before each position; at least 1
  Index resample;  // earlier positions resampled in a sweep; -1 for all of them
  std::uint64_t seed;
};

// log_p OUT (n,): estimates of log p(words of a document | phi, alpha), for its tokens in random
// order; the probability is the same for every order. Random numbers are addressed by the seed, the
// words and counts of the document, and the draw. Costs O(samples * tokens^2 * k) per document if
// `resample` is -1, else O(samples * tokens * resample * k).
void left_to_right(const Execution& run, const Documents& docs, const TopicWord& phi,
                   const double* alpha, const LeftToRightPlan& plan, double* log_p);

// Texts as lists of word ids, in order; a negative id is a word that is in no list.
struct Texts {
  const Index64* indptr;  // IN (n + 1,)
  const Index32* words;   // IN below `vocabulary`
  Index n;
  Index vocabulary;
};

inline constexpr Index kMostTopWords = 64;

// pairs OUT (topics, top, top): the number of windows in which the words i and j of the list of a
// topic occur together; on the diagonal, the windows with the word. A window is a run of `window`
// consecutive words, one per position, or the whole text if it is not longer or `window` is 0; a
// text without words has none. lists IN (topics, top) of word ids, negative for words that no text
// has, distinct within a topic; top <= kMostTopWords. Returns the number of windows.
Index64 count_pairs(const Execution& run, const Texts& texts, const Index32* lists, Index topics,
                    Index top, Index window, Index64* pairs);

}  // namespace gibbous::lda
