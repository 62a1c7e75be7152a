// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/ground/random.hpp"
#include "gibbous/ground/simd.hpp"
#include "gibbous/lda/measure/block.hpp"
#include "gibbous/lda/measure/measures.hpp"

namespace gibbous::lda {
namespace {

// Products between two polls of the interrupt: about a millisecond.
constexpr Index kPatience = Index{1} << 22;

// A stream of random numbers for one document.
class Draws {
 public:
  Draws(std::uint64_t seed, const Documents& docs, Index d)
      : stream_(seed ^ content(docs, d), Purpose::lda_left_to_right) {}

  // Uniform on [0, 1) with 53 bits.
  double uniform() {
    const int half = static_cast<int>(next_ & 1);
    if (half == 0) block_ = stream_.bits(0, next_ >> 1);
    ++next_;
    const std::uint64_t u = (std::uint64_t{block_[static_cast<std::size_t>(2 * half)]} << 32) |
                            block_[static_cast<std::size_t>(2 * half + 1)];
    return static_cast<double>(u >> 11) * 0x1p-53;
  }

  // Uniform in [0, n).
  Index below(Index n) {
    return std::min(n - 1, static_cast<Index>(uniform() * static_cast<double>(n)));
  }

 private:
  // A hash of words and counts, equal for equal documents: the finalizer of SplitMix64 (Steele, Lea
  // and Flood 2014).
  static std::uint64_t content(const Documents& docs, Index d) {
    std::uint64_t h = 0;
    for (Index64 e = docs.indptr[d]; e < docs.indptr[d + 1]; ++e) {
      h ^= (static_cast<std::uint64_t>(docs.words[e]) << 32) |
           static_cast<std::uint32_t>(docs.counts[e]);
      h += 0x9E3779B97F4A7C15u;
      h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
      h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
      h ^= h >> 31;
    }
    return h;
  }

  Stream stream_;
  std::uint64_t next_ = 0;
  philox::Block block_{};
};

// The topics of the positions seen so far, and alpha + their counts.
struct State {
  std::vector<Topic> z;
  std::vector<Count> n;
  Buffer<float> weight;
};

// Workspace of one worker for the current document.
class Estimator {
 public:
  Estimator(const TopicWord& phi, const double* alpha, const LeftToRightPlan& plan,
            const Worker& worker)
      : phi_(phi),
        plan_(plan),
        worker_(worker),
        block_(phi),
        alpha_(row_of<float>(alpha, phi.k)),
        products_(padded(phi.k), 0.0f),
        chunks_(products_.size() / kChunk) {
    alpha_.resize(products_.size(), 0.0f);
    for (Index k = 0; k < phi.k; ++k) alpha_sum_ += alpha[k];
  }

  double run(const Documents& docs, Index d) {
    const Index64 first = docs.indptr[d];
    const Index types = docs.indptr[d + 1] - first;
    block_.gather(docs.words + first, types, types);
    tokens_.clear();
    for (Index u = 0; u < types; ++u)
      tokens_.insert(tokens_.end(), static_cast<std::size_t>(docs.counts[first + u]), u);
    Draws draws(plan_.seed, docs, d);
    for (Index i = static_cast<Index>(tokens_.size()) - 1; i > 0; --i)
      std::swap(tokens_[at(i)], tokens_[at(draws.below(i + 1))]);
    return plan_.form == LeftToRight::particles ? particles(draws) : sequential(draws);
  }

 private:
  // Vectors per cumulative sum: a draw searches the sums first, then within one.
  static constexpr Index kVectors = 4;
  static constexpr std::size_t kChunk = kVectors * kLanes<float>;

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  static std::size_t padded(Index k) { return (at(k) + kChunk - 1) / kChunk * kChunk; }

  double particles(Draws& draws) {
    states_.resize(at(plan_.samples));
    for (State& s : states_) clear(s);
    double log_p = 0;
    for (Index i = 0; i < static_cast<Index>(tokens_.size()); ++i) {
      double p = 0;
      for (State& s : states_) {
        sweep(s, i, draws);
        p += predict(s, i);
        add(s, draw(draws));
      }
      if (!(p > 0)) return -std::numeric_limits<double>::infinity();
      log_p += std::log(p / static_cast<double>(plan_.samples));
    }
    return log_p;
  }

  double sequential(Draws& draws) {
    states_.resize(2);
    State &now = states_[0], &kept = states_[1];
    clear(now);
    double log_p = 0;
    for (Index i = 0; i < static_cast<Index>(tokens_.size()); ++i) {
      // at the first position all states are equal
      const Index sweeps = i == 0 ? 1 : plan_.samples;
      double p = 0;
      Index last = 0;
      for (Index r = 0; r < sweeps; ++r) {
        sweep(now, i, draws);
        const double f = predict(now, i);
        p += f;
        // replacing the choice by state r with probability f_r / (f_0 + ... + f_r) selects each
        // state with probability proportional to its f
        if (r == 0 || draws.uniform() * p < f) {
          last = r;
          if (r + 1 < sweeps) kept = now;
        }
      }
      if (!(p > 0)) return -std::numeric_limits<double>::infinity();
      log_p += std::log(p / static_cast<double>(sweeps));
      if (last + 1 < sweeps) {
        std::swap(now, kept);
        predict(now, i);
      }
      add(now, draw(draws));
    }
    return log_p;
  }

  void clear(State& s) const {
    s.z.clear();
    s.n.assign(at(phi_.k), 0);
    s.weight = alpha_;
  }

  void add(State& s, Index k) const {
    s.z.push_back(static_cast<Topic>(k));
    weigh(s, k, ++s.n[at(k)]);
  }

  void weigh(State& s, Index k, Count n) const {
    s.weight[at(k)] = alpha_[at(k)] + static_cast<float>(n);
  }

  // Gibbs steps for positions before `end`: each leaves p(topics | words so far) invariant.
  void sweep(State& s, Index end, Draws& draws) {
    const bool all = plan_.resample < 0;
    const Index steps = end == 0 ? 0 : all ? end : plan_.resample;
    for (Index j = 0; j < steps; ++j) {
      const Index i = all ? j : draws.below(end);
      Topic& z = s.z[at(i)];
      weigh(s, z, --s.n[z]);
      products(s, i);
      z = static_cast<Topic>(draw(draws));
      weigh(s, z, ++s.n[z]);
    }
  }

  // p(word at i | topics of the positions before it).
  double predict(const State& s, Index i) {
    return products(s, i) / (alpha_sum_ + static_cast<double>(i));
  }

  // The unnormalized probabilities of the topics of position i, and their sum.
  double products(const State& s, Index i) {
    work_ += static_cast<Index>(products_.size());
    if (work_ > kPatience) {
      work_ = 0;
      worker_.checkpoint();
    }
    const float* p = block_.row(tokens_[at(i)]);
    const Index stride = block_.stride();
    total_ = 0;
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
      Vec<float> sum{};
      const auto first = static_cast<Index>(c * kChunk);
      const Index end = std::min<Index>(stride, first + static_cast<Index>(kChunk));
      for (Index a = first; a < end; a += kLanes<float>) {
        const Vec<float> v = load(s.weight.data() + a) * load(p + a);
        store(products_.data() + a, v);
        sum += v;
      }
      chunks_[c] = lane_sum<float>(sum);
      total_ += static_cast<double>(chunks_[c]);
    }
    return total_;
  }

  // Samples a topic with probability proportional to the last products.
  Index draw(Draws& draws) const {
    // rounding can exceed the total: use the last topic with positive probability
    double left = draws.uniform() * total_;
    std::size_t chunk = 0;
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
      const auto v = static_cast<double>(chunks_[c]);
      if (v > 0) {
        chunk = c;
        if (left < v) break;
      }
      left -= v;
    }
    std::size_t possible = chunk * kChunk;
    for (std::size_t k = chunk * kChunk; k < (chunk + 1) * kChunk; ++k) {
      const auto v = static_cast<double>(products_[k]);
      if (v > 0) {
        possible = k;
        if (left < v) break;
      }
      left -= v;
    }
    return static_cast<Index>(possible);
  }

  TopicWord phi_;
  LeftToRightPlan plan_;
  const Worker& worker_;
  Block<float> block_;
  Buffer<float> alpha_, products_;
  std::vector<float> chunks_;
  double alpha_sum_ = 0, total_ = 0;
  Index work_ = 0;
  std::vector<Index> tokens_;  // row of the block, per position
  std::vector<State> states_;
};

}  // namespace

void left_to_right(const Execution& run, const Documents& docs, const TopicWord& phi,
                   const double* alpha, const LeftToRightPlan& plan, double* log_p) {
  parallel_tasks(run, docs.n, [&](Index d, const Worker& worker) {
    log_p[d] = Estimator(phi, alpha, plan, worker).run(docs, d);
  });
}

}  // namespace gibbous::lda
