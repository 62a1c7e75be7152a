// SPDX-License-Identifier: Apache-2.0
// The exact sampler beyond 2^31 and 2^32 tokens, without their memory. Layout functions are given
// counts of billions, of which they only compute offsets. Functions that access tokens are given a
// few at the end of a large reservation of addresses: the pages before them must not be touched, so
// that an offset truncated to 32 bits ends the program.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "gibbous/lda/exact/state.hpp"
#include "tests/check.hpp"

using namespace gibbous;
using namespace gibbous::lda;
using namespace gibbous::lda::exact;

namespace {

struct Bags {
  std::vector<Index64> indptr{0};
  std::vector<Index32> words;
  std::vector<Count> counts;
  Index vocabulary;

  explicit Bags(Index v) : vocabulary(v) {}
  void add(const std::vector<std::pair<Index32, Count>>& document) {
    for (const auto& [word, count] : document) {
      words.push_back(word);
      counts.push_back(count);
    }
    indptr.push_back(static_cast<Index64>(words.size()));
  }
  Documents view() const {
    return {indptr.data(), words.data(), counts.data(), static_cast<Index>(indptr.size()) - 1,
            vocabulary};
  }
};

// ---- layout -------------------------------------------------------------------------------------

// Word 0 has most of the tokens, so that groups share it; the others have billions in total.
Bags billions(check::Integers& draw) {
  Bags bags(7);
  for (int d = 0; d < 24; ++d) {
    std::vector<std::pair<Index32, Count>> document{{0, draw(1500000000, 2147483647)}};
    for (Index32 w = 1; w < 7; ++w)
      if (draw(0, 2) > 0) document.push_back({w, draw(1, 400000000)});
    bags.add(document);
  }
  bags.add({});
  bags.add({{0, 13}, {3, 2}});  // few, so that the first index of every part is small
  return bags;
}

void lays_out(const Bags& bags, Kernel kernel, Index blocks) {
  const Documents in = bags.view();
  State s;
  const std::vector<Index64> table = lay_out(in, 5, kernel, blocks, Execution{2, nullptr}, s);

  std::vector<Index64> before(at(in.n + 1), 0);
  for (Index d = 0; d < in.n; ++d) {
    before[at(d + 1)] = before[at(d)];
    for (Index64 e = in.indptr[d]; e < in.indptr[d + 1]; ++e) before[at(d + 1)] += in.counts[e];
  }
  CHECK(s.document_tokens == before, "documents begin elsewhere");
  CHECK(s.tokens > Index64{1} << 34, s.tokens << " tokens");
  CHECK(s.words.back().begin == s.tokens, "words end at " << s.words.back().begin);
  CHECK(s.group_documents.back() == in.n, "groups end at document " << s.group_documents.back());

  const auto tokens_of = [&](Index w, Index g) {
    Index64 n = 0;
    for (Index64 e = in.indptr[s.group_documents[at(g)]];
         e < in.indptr[s.group_documents[at(g + 1)]]; ++e)
      if (in.words[e] == w) n += in.counts[e];
    return n;
  };
  const auto begin_of = [&](Index v) { return s.words[at(v)].begin; };
  Index64 placed = 0;
  for (Index w = 0; w < in.vocabulary; ++w) {
    const Index32 place = s.place[at(w)];
    if (place >= 0) {
      Index64 next = begin_of(place);
      for (Index g = 0; g < s.blocks; ++g) {
        const Index64 got = table[at(g * in.vocabulary + w)];
        CHECK(got == next, "word " << w << " of group " << g << " goes to " << got);
        next += tokens_of(w, g);
      }
      CHECK(next == begin_of(place + 1), "word " << w << " ends at " << next);
      placed += next - begin_of(place);
      continue;
    }
    CHECK(place < -1, "word " << w << " has no place");
    const Shared& shared = s.shared[at(-2 - place)];
    const auto parts = static_cast<Index>(shared.parts.size());
    std::vector<Index64> next;
    for (const Index32 v : shared.parts) next.push_back(begin_of(v));
    for (Index g = 0; g < s.blocks; ++g) {
      const Index64 n = tokens_of(w, g);
      CHECK(table[at(g * in.vocabulary + w)] == n, "word " << w << " of group " << g);
      SharedPlaces places(s, shared, table, g);
      for (Index j = 0; j < parts; ++j)
        CHECK(places.next(j) == next[at(j)],
              "part " << j << " of group " << g << " goes to " << places.next(j));
      // the split described at Shared, in 128 bits
      for (Index64 t = 0; t < std::min<Index64>(n, 20); ++t) {
        Index j = 0;
        while (static_cast<__int128>(t) * parts >= static_cast<__int128>(n) * (j + 1)) ++j;
        const Index64 got = places(), want = next[at(j)] + t - part_begin(n, parts, j);
        CHECK(got == want, "token " << t << " of " << n << " goes to " << got << ", not " << want);
      }
      for (Index j = 0; j < parts; ++j) next[at(j)] += part_tokens(n, parts, j);
    }
    for (Index j = 0; j < parts; ++j) {
      const Index32 v = shared.parts[at(j)];
      CHECK(next[at(j)] == begin_of(v + 1), "part " << j << " of word " << w << " ends elsewhere");
      placed += next[at(j)] - begin_of(v);
    }
  }
  CHECK(placed == s.tokens, placed << " tokens have a place");
  CHECK(blocks == 1 || !s.shared.empty(), "no word is shared");
}

// Rows of topic counts are numbered with 32 bits; a corpus that exceeds them is rejected before it
// is laid out.
void refuses_rows_past_32_bits() {
  Bags bags(1);
  for (int d = 0; d < (1 << 18) + 1; ++d) bags.add({{0, 70000}});  // 2^14 steps per row
  State s;
  bool refused = false;
  try {
    lay_out(bags.view(), 65535, Kernel::sparse, 1, Execution{2, nullptr}, s);
  } catch (const std::length_error&) {
    refused = true;
  }
  CHECK(refused, "more than 2^32 steps of rows were taken");
}

// ---- sweeps -------------------------------------------------------------------------------------

// Addresses for 2^31 + `before` + n numbers, of which only the last n have memory: indices count
// from 2^31, so that an index truncated to 32 bits with a sign points before the memory.
template <class T>
class Far {
 public:
  Far(Index64 before, Index n)
      : bytes_((at(before + n) + at(kGuard)) * sizeof(T) + page()), n_(before + n) {
    void* all =
        mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) throw std::runtime_error("the system reserves no addresses");
    base_ = static_cast<char*>(all);
    const std::size_t first = (at(before) + at(kGuard)) * sizeof(T) / page() * page();
    if (mprotect(base_ + first, bytes_ - first, PROT_READ | PROT_WRITE))
      throw std::runtime_error("the system gives no memory to reserved addresses");
  }
  Far(Far&& other) noexcept : base_(other.base_), bytes_(other.bytes_), n_(other.n_) {
    other.base_ = nullptr;
  }
  ~Far() {
    if (base_) munmap(base_, bytes_);
  }
  T* data() { return reinterpret_cast<T*>(base_) + kGuard; }
  PageBuffer<T> buffer() { return PageBuffer<T>::borrowed(data(), n_); }

 private:
  static constexpr Index64 kGuard = Index64{1} << 31;
  static std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
  char* base_;
  std::size_t bytes_;
  Index64 n_;
};

template <class T>
Far<T> moved(PageBuffer<T>& from, Index64 by) {
  Far<T> to(by, from.size());
  std::copy_n(from.data(), from.size(), to.data() + by);
  from = to.buffer();
  return to;
}

constexpr Row kRowsBefore = 3000000011u;  // past 2^31, of 2^32

template <class Rows>
Far<typename Rows::Cell> move_cells(Rows& rows) {
  Index width;
  if constexpr (Rows::kernel == Kernel::dense)
    width = rows.stride;
  else
    width = Rows::step;
  return moved(rows.cells, static_cast<Index64>(kRowsBefore) * width);
}

struct Swept {
  std::vector<Topic> z;
  std::vector<Index64> totals;
  Counts counts;
};

// Sweeps over a small corpus whose tokens and rows are stored at these large offsets.
template <class Rows>
Swept sweep_behind(const Bags& bags, Index topics, const std::vector<Topic>& z, Kernel kernel,
                   Index blocks, Index64 by) {
  const Execution run{2, nullptr};
  std::unique_ptr<State> state = build(bags.view(), topics, z.data(), kernel, blocks, run);
  State& s = *state;
  CHECK(blocks == 1 || !s.shared.empty(), "no word is shared");
  const Index tokens = s.tokens;
  auto far_z = moved(s.z, by);
  auto far_row = moved(s.row, by);
  CHECK(std::holds_alternative<Rows>(s.rows), "other rows than the test is for");
  auto far_cells = move_cells(std::get<Rows>(s.rows));
  for (Row& r : s.document_row) r += kRowsBefore;
  for (Index i = 0; i < tokens; ++i) s.row[by + i] += kRowsBefore;
  for (Word& word : s.words) {
    word.begin += by;
    word.cursor += by;
  }
  for (Index64& d : s.document_tokens) d += by;

  ExactSampler sampler(std::move(state));
  // few topics per document: a long one with many topics would take minutes
  std::vector<double> alpha(at(topics), 6.0 / static_cast<double>(topics * topics));
  std::vector<double> beta_sum(at(topics), 0.1 * 40);
  const Priors priors{alpha.data(), 0.1, beta_sum.data(), nullptr, nullptr, nullptr};
  for (std::uint32_t i = 0; i < 3; ++i) sampler.sweep(priors, 5, i, run);
  Far<Topic> out(by, tokens);
  sampler.topics(out.data(), run);
  Swept swept;
  swept.z.assign(out.data() + by, out.data() + by + tokens);
  swept.totals.assign(sampler.totals(), sampler.totals() + topics);
  swept.counts = sampler.word_counts(run);
  return swept;
}

template <class Rows>
void sweeps_far_out(std::uint64_t seed, Index topics, Kernel kernel, Index blocks, Count longest) {
  check::Integers draw(seed);
  Bags bags(40);
  for (int d = 0; d < 30; ++d) {
    std::vector<std::pair<Index32, Count>> document{{0, draw(20, 60)}};
    for (Index32 w = 1; w < 40; ++w)
      if (draw(0, 3) == 0) document.push_back({w, draw(1, 3)});
    if (d == 7 && longest) document[0].second = longest;
    bags.add(document);
  }
  std::vector<Topic> z(at(std::accumulate(bags.counts.begin(), bags.counts.end(), Index64{0})));
  for (Topic& t : z) t = static_cast<Topic>(topics - 1 - draw(0, 15));

  constexpr Index64 by = (Index64{1} << 33) + (Index64{1} << 31) + 12344;
  const Swept near = sweep_behind<Rows>(bags, topics, z, kernel, blocks, 0);
  const Swept far = sweep_behind<Rows>(bags, topics, z, kernel, blocks, by);
  const Swept other = sweep_behind<Rows>(bags, topics, z, kernel, blocks, by + (Index64{1} << 32));

  for (const Swept& swept : {near, far, other}) {
    std::vector<std::vector<Count>> n(40, std::vector<Count>(at(topics), 0));
    std::vector<Index64> totals(at(topics), 0);
    Index64 token = 0;
    for (std::size_t e = 0; e < bags.words.size(); ++e)
      for (Count c = 0; c < bags.counts[e]; ++c, ++token) {
        const Topic k = swept.z[at(token)];
        CHECK(k < topics, "seed " << seed << ": token " << token << " in topic " << k);
        if (k < topics) ++n[at(bags.words[e])][k], ++totals[k];
      }
    CHECK(totals == swept.totals, "seed " << seed << ": totals differ from the tokens'");
    std::vector<std::vector<Count>> told(40, std::vector<Count>(at(topics), 0));
    for (Index w = 0; w < 40; ++w)
      for (Index64 e = swept.counts.indptr[at(w)]; e < swept.counts.indptr[at(w + 1)]; ++e)
        told[at(w)][swept.counts.topics[at(e)]] = swept.counts.counts[at(e)];
    CHECK(told == n, "seed " << seed << ": counts of words differ from the tokens'");
  }
  // Draws use all 64 bits of the address of the token.
  CHECK(near.z != far.z, "seed " << seed << ": the draws of 2^33 tokens before came again");
  CHECK(far.z != other.z, "seed " << seed << ": the draws of 2^32 tokens before came again");
}

}  // namespace

int main() {
  return check::run([] {
    const std::uint64_t seed = std::random_device{}();
    std::cout << GIBBOUS_TEST_NAME << ": seed " << seed << '\n';
    check::Integers draw(seed);
    const Bags bags = billions(draw);
    for (const Kernel kernel : {Kernel::dense, Kernel::sparse})
      for (const Index blocks : {1, 3, 6}) lays_out(bags, kernel, blocks);
    refuses_rows_past_32_bits();
    for (const Index blocks : {1, 3}) {
      sweeps_far_out<DenseRows<std::uint16_t>>(seed, 20, Kernel::dense, blocks, 0);
      sweeps_far_out<DenseRows<std::uint32_t>>(seed, 20, Kernel::dense, blocks, 66000);
      sweeps_far_out<SparseRows<std::uint32_t>>(seed, 20, Kernel::sparse, blocks, 0);
      sweeps_far_out<SparseRows<std::uint64_t>>(seed, 60000, Kernel::sparse, blocks, 66000);
    }
  });
}
