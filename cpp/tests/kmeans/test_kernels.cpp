// SPDX-License-Identifier: Apache-2.0
// K-means compared with plain loops. Most numbers are small integers, whose distances and sums are
// exact in every order, so that labels (including ties), sums and seeds must agree exactly.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "gibbous/ground/random.hpp"
#include "gibbous/kmeans/kernels.hpp"
#include "tests/check.hpp"

using namespace gibbous;

namespace {

constexpr Index kFeatures[] = {1, 2, 3, 5, 8, 16, 17, 31, 33, 40};
constexpr Index kClusters[] = {1, 2, 3, 5, 9, 20, 70, 150};
constexpr Index kRows[] = {1, 7, 50, 333, 1100};
constexpr Execution kAlone{1, nullptr};

std::size_t size(Index n) { return static_cast<std::size_t>(n); }

// The same rows in dense and CSR form, with the columns of a row in descending order. Arrays have
// no slack, so that the address sanitizer detects access past the end.
template <class T, class I>
struct Data {
  Index n, d;
  std::vector<T> x, weight, values;
  std::vector<I> indices, indptr;

  Data(Index rows, Index columns, std::vector<T> numbers, std::vector<T> weights)
      : n(rows), d(columns), x(std::move(numbers)), weight(std::move(weights)), indptr{0} {
    for (Index i = 0; i < n; ++i) {
      for (Index a = d; a-- > 0;)
        if (x[size(i * d + a)] != T(0)) {
          values.push_back(x[size(i * d + a)]);
          indices.push_back(static_cast<I>(a));
        }
      indptr.push_back(static_cast<I>(values.size()));
    }
    values.shrink_to_fit();
    indices.shrink_to_fit();
    indptr.shrink_to_fit();
  }
  const T* weights() const { return weight.empty() ? nullptr : weight.data(); }
  Rows<T> dense() const { return {x.data(), n, d, weights()}; }
  kmeans::Csr<T, I> sparse() const {
    return {values.data(), indices.data(), indptr.data(), n, d, weights()};
  }
};

template <class T>
std::vector<T> integers(Index n, int most, bool zeros, check::Integers& draw) {
  std::vector<T> x(size(n));
  for (T& v : x) v = zeros && draw(0, 9) < 6 ? T(0) : static_cast<T>(draw(-most, most));
  return x;
}

template <class T, class I>
Data<T, I> data(Index n, Index d, int most, bool weighted, check::Integers& draw) {
  auto x = integers<T>(n * d, most, true, draw);
  std::vector<T> weight(weighted ? size(n) : 0);
  for (T& w : weight) w = static_cast<T>(draw(0, 3));
  if (weighted) weight.back() = 2;  // at least one row has weight
  return {n, d, std::move(x), std::move(weight)};
}

template <class T>
double distance2(const T* x, const T* y, Index d) {
  double sum = 0;
  for (Index a = 0; a < d; ++a)
    sum += (double(x[a]) - double(y[a])) * (double(x[a]) - double(y[a]));
  return sum;
}

// The result of a plain Lloyd iteration.
template <class T>
struct Plain {
  std::vector<Label> labels, relocated;
  std::vector<double> far, sums, mass;  // (n,), (k, d), (k,)
  std::vector<T> centers;
  double inertia = 0, shift = 0;

  Plain(const Rows<T>& x, const std::vector<T>& c, Index k)
      : sums(size(k * x.d)), mass(size(k)), centers(size(k * x.d)) {
    for (Index i = 0; i < x.n; ++i) {
      Index best = 0;
      for (Index j = 1; j < k; ++j)
        if (distance2(x.row(i), &c[size(j * x.d)], x.d) <
            distance2(x.row(i), &c[size(best * x.d)], x.d))
          best = j;
      labels.push_back(static_cast<Label>(best));
      far.push_back(distance2(x.row(i), &c[size(best * x.d)], x.d));
      inertia += x.w(i) * far.back();
      move(x, i, best, x.w(i));
    }
  }
  void move(const Rows<T>& x, Index i, Index to, double w) {
    mass[size(to)] += w;
    for (Index a = 0; a < x.d; ++a) sums[size(to * x.d + a)] += w * x.row(i)[a];
  }
  // Clusters without weight take the farthest rows; those that stay empty join the heaviest
  // cluster.
  void step(const Rows<T>& x, const std::vector<T>& c, Index k) {
    std::vector<Index> rows;
    for (Index i = 0; i < x.n; ++i)
      if (x.w(i) > 0 && far[size(i)] > 0) rows.push_back(i);
    std::stable_sort(rows.begin(), rows.end(),
                     [&](Index a, Index b) { return far[size(a)] > far[size(b)]; });
    for (Index j = 0; j < k; ++j)
      if (mass[size(j)] == 0) relocated.push_back(static_cast<Label>(j));
    relocated.resize(std::min(relocated.size(), rows.size()));
    for (std::size_t m = 0; m < relocated.size(); ++m) {
      move(x, rows[m], labels[size(rows[m])], -double(x.w(rows[m])));
      move(x, rows[m], relocated[m], x.w(rows[m]));
    }
    const Index heaviest = std::max_element(mass.begin(), mass.end()) - mass.begin();
    for (Index j = 0; j < k; ++j)
      for (Index a = 0; a < x.d; ++a) {
        const Index from = mass[size(j)] > 0 ? j : heaviest;
        T& to = centers[size(j * x.d + a)];
        to = static_cast<T>(sums[size(from * x.d + a)] / mass[size(from)]);
        shift += std::pow(double(to) - double(c[size(j * x.d + a)]), 2);
      }
  }
};

// Every public step for one form of the rows.
template <class Form, class T>
void steps_agree(const Form& form, const Rows<T>& x, const std::vector<T>& c, Index k,
                 const std::string& what, check::Integers& draw) {
  const Index d = x.d;
  Plain<T> plain(x, c, k);
  std::vector<Label> labels(size(x.n)), before;
  for (Label& l : labels) l = static_cast<Label>(draw(-1, int(k) - 1));
  before = labels;
  CHECK(kmeans::assign(kAlone, form, c.data(), k, labels.data()) == plain.inertia,
        what << ": another inertia");
  CHECK(labels == plain.labels, what << ": other labels");

  std::vector<T> root(size(x.n * k)), expected = root;
  kmeans::distances(kAlone, form, c.data(), k, root.data());
  for (Index i = 0; i < x.n * k; ++i)
    expected[size(i)] = static_cast<T>(std::sqrt(distance2(x.row(i / k), &c[size(i % k * d)], d)));
  CHECK(root == expected, what << ": other distances");

  auto batch = c;
  auto moved = c;
  std::vector<double> counts(size(k));
  for (double& count : counts) count = draw(0, 5);
  auto later = counts;
  for (Index j = 0; j < k; ++j) {
    if (plain.mass[size(j)] == 0) continue;
    later[size(j)] += plain.mass[size(j)];
    for (Index a = 0; a < d; ++a)
      moved[size(j * d + a)] = static_cast<T>(
          (c[size(j * d + a)] * counts[size(j)] + plain.sums[size(j * d + a)]) / later[size(j)]);
  }
  CHECK(kmeans::minibatch_step(kAlone, form, batch.data(), k, counts.data(), labels.data()) ==
            plain.inertia,
        what << ": another inertia of a batch");
  CHECK(labels == plain.labels && counts == later && batch == moved, what << ": other batch");

  plain.step(x, c, k);
  Index changed = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) changed += before[i] != plain.labels[i];
  std::vector<T> next(c.size());
  const kmeans::Step step = kmeans::lloyd_step(kAlone, form, c.data(), k, before.data(),
                                               next.data(), kmeans::Bounds<T>{});
  CHECK(step.inertia == plain.inertia && before == plain.labels, what << ": another step");
  CHECK(step.changed == changed, what << ": " << step.changed << " labels changed");
  CHECK(step.relocated == plain.relocated, what << ": other empty clusters");
  CHECK(next == plain.centers, what << ": other new centers");
  CHECK(std::fabs(step.shift - plain.shift) <= 1e-12 * plain.shift, what << ": another shift");
}

// Every d with every k; the rows, their weights and their range are cycled. With a narrow range
// many centers are equal or at the same distance.
template <class T, class I>
void steps(check::Integers& draw) {
  Index turn = 0;
  for (Index d : kFeatures)
    for (Index k : kClusters) {
      const Index n = kRows[++turn % 5];
      const int most = turn % 2 ? 8 : 1;
      const auto x = data<T, I>(n, d, most, turn % 3 > 0, draw);
      const auto c = integers<T>(k * d, most, false, draw);
      std::ostringstream what;
      what << sizeof(T) * 8 << " bits, n = " << n << ", d = " << d << ", k = " << k;
      steps_agree(x.dense(), x.dense(), c, k, "dense, " + what.str(), draw);
      steps_agree(x.sparse(), x.dense(), c, k, "sparse, " + what.str(), draw);
    }
}

// Real numbers far from the origin, and centers that differ by a few roundings: a label must be the
// closest center up to the rounding of T in |x - c|^2.
template <class T>
void labels_hold_far_away(check::Uniforms& draw) {
  const Index n = 333, d = 5, k = 40;
  const double away = sizeof(T) == 8 ? 1e6 : 1e3;
  std::vector<T> x(size(n * d)), c(size(k * d));
  for (T& v : x) v = static_cast<T>(away + draw(-1, 1));
  for (T& v : c) v = static_cast<T>(away + draw(-1, 1));
  const T infinity = std::numeric_limits<T>::infinity();
  for (Index a = 0; a < d; ++a) c[size(d + a)] = std::nextafter(c[size(a)], infinity);
  c[size(2 * d)] = static_cast<T>(-away * 100);  // one distant center
  const Rows<T> rows{x.data(), n, d, nullptr};
  const Plain<T> plain(rows, c, k);
  std::vector<Label> labels(size(n), -1);
  const double inertia = kmeans::assign(kAlone, rows, c.data(), k, labels.data());
  const double slack = 4 * double(d) * double(std::numeric_limits<T>::epsilon());
  CHECK(std::fabs(inertia - plain.inertia) <= slack * plain.inertia, "the inertia is " << inertia);
  bool closest = true;
  for (Index i = 0; i < n; ++i)
    closest &= distance2(rows.row(i), &c[size(labels[size(i)] * d)], d) <=
               plain.far[size(i)] * (1 + slack);
  CHECK(closest, "a row far from the origin is not at its closest center");
}

// Large enough for several threads and slots; real numbers, whose sums depend on the order.
template <class T, class I>
void threads_give_equal_bits(check::Uniforms& draw) {
  const Index n = 6000, d = 33, k = 40;
  std::vector<T> x(size(n * d)), weight(size(n)), c;
  for (T& v : x) v = draw(0, 1) < 0.5 ? T(0) : static_cast<T>(draw(-1, 1));
  for (T& w : weight) w = static_cast<T>(draw(0, 2));
  c.assign(x.begin(), x.begin() + k * d);
  const Data<T, I> rows(n, d, std::move(x), std::move(weight));
  const auto run = [&](const auto& form, int threads, std::vector<T>& next) {
    std::vector<Label> labels(size(n), -1);
    next.assign(size(k * d), T(0));
    const kmeans::Step step = kmeans::lloyd_step({threads, nullptr}, form, c.data(), k,
                                                 labels.data(), next.data(), kmeans::Bounds<T>{});
    std::vector<Index> seeds(4);  // with enough trials to use several threads
    kmeans::plusplus({threads, nullptr}, form, 4, 40, 5, true, seeds.data());
    for (Index s : seeds) labels.push_back(static_cast<Label>(s));
    return std::make_pair(step.inertia, labels);
  };
  const auto check_form = [&](const auto& form, const char* what) {
    std::vector<T> first, next;
    const auto one = run(form, 1, first);
    for (int threads : {2, 3, 7})
      CHECK(run(form, threads, next) == one && next == first,
            what << ": other bits on " << threads << " threads");
  };
  check_form(rows.dense(), "dense");
  check_form(rows.sparse(), "sparse");
}

template <class T>
void mean_variance_is_right(check::Uniforms& draw) {
  const Index n = 3000, d = 7;
  std::vector<T> x(size(n * d));
  for (T& v : x) v = static_cast<T>(100 + draw(-1, 1));
  const Rows<T> rows{x.data(), n, d, nullptr};
  long double expected = 0;
  for (Index a = 0; a < d; ++a) {
    long double sum = 0, square = 0;
    for (Index i = 0; i < n; ++i) sum += x[size(i * d + a)];
    for (Index i = 0; i < n; ++i) square += std::pow(x[size(i * d + a)] - sum / n, 2.0L);
    expected += square / n / d;
  }
  const double got = kmeans::mean_variance(kAlone, rows);
  CHECK(std::fabs(got - expected) <= 1e-13L * expected, "mean_variance is " << got);
  CHECK(kmeans::mean_variance({3, nullptr}, rows) == got, "mean_variance on 3 threads");
}

// So many clusters that each has one owner for its sums. Cluster j has rows j and j + k, one on
// each side of its center.
template <class T, class I>
void owners_sum_the_same() {
  const Index k = 1100, d = 2000, n = 2 * k;
  std::vector<T> x(size(n * d)), weight(size(n), T(1)), c(size(k * d)), next(size(k * d));
  for (Index i = 0; i < n; ++i) x[size(i * d + i % k)] = i < k ? T(4) : T(6);
  for (Index j = 0; j < k; ++j) c[size(j * d + j)] = T(5);
  for (Index j = 0; j < k; j += 2) weight[size(j)] = T(3);
  const Data<T, I> rows(n, d, std::move(x), std::move(weight));
  std::vector<Label> labels(size(n), 0);
  const kmeans::Step step = kmeans::lloyd_step({2, nullptr}, rows.sparse(), c.data(), k,
                                               labels.data(), next.data(), kmeans::Bounds<T>{});
  for (Index j = 0; j < k; ++j) c[size(j * d + j)] = j % 2 ? T(5) : T(4.5);
  CHECK(next == c, "owners: other new centers");
  CHECK(step.inertia == 3 * k && step.changed == n - 2 && step.relocated.empty(),
        "owners: the inertia is " << step.inertia << ", changed " << step.changed);
}

// ---- k-means++ ----------------------------------------------------------------------------------

// The first row with mass at which the cumulative sum of the masses exceeds `target`.
Index row_at(const std::vector<double>& mass, double target) {
  double sum = 0;
  Index last = 0;
  for (std::size_t i = 0; i < mass.size(); ++i) {
    if (!(mass[i] > 0)) continue;
    last = static_cast<Index>(i);
    if (target < (sum += mass[i])) break;
  }
  return last;
}

double total(const std::vector<double>& mass) {
  double sum = 0;
  for (double m : mass) sum += m;
  return sum;
}

template <class T>
std::vector<Index> plain_plusplus(const Rows<T>& x, Index k, Index trials, std::uint64_t seed) {
  const Stream stream(seed, Purpose::kmeans_plusplus);
  std::vector<double> weight, closest(size(x.n), std::numeric_limits<double>::infinity()), mass;
  for (Index i = 0; i < x.n; ++i) weight.push_back(x.w(i));
  const auto gain = [&](Index candidate) {
    double sum = 0;
    for (Index i = 0; i < x.n; ++i)
      sum += weight[size(i)] *
             std::max(closest[size(i)] - distance2(x.row(i), x.row(candidate), x.d), 0.0);
    return sum;
  };
  std::vector<Index> rows{row_at(weight, stream.uniform(0, 0) * total(weight))};
  for (Index c = 1; c < k; ++c) {
    mass.clear();
    for (Index i = 0; i < x.n; ++i) {
      closest[size(i)] = std::min(closest[size(i)], distance2(x.row(i), x.row(rows.back()), x.d));
      mass.push_back(weight[size(i)] * closest[size(i)]);
    }
    const auto step = static_cast<std::uint32_t>(c);
    if (total(mass) == 0) {
      rows.push_back(row_at(weight, stream.uniform(step, 0) * total(weight)));
      continue;
    }
    double most = -1;
    Index best = -1;
    for (Index t = 0; t < trials; ++t) {
      const Index row = row_at(mass, stream.uniform(step, size(t)) * total(mass));
      const double lower = gain(row);
      if (lower > most) most = lower, best = row;
    }
    rows.push_back(best);
  }
  return rows;
}

template <class T, class I>
void seeds_are_those_of_plain_loops(check::Integers& draw) {
  struct Shape {
    Index n, d, k, trials;
    int most;
  };
  for (const Shape& s : {Shape{1, 1, 1, 1, 8}, Shape{50, 2, 9, 1, 8}, Shape{50, 3, 20, 3, 8},
                         Shape{333, 17, 20, 4, 8}, Shape{2500, 5, 20, 5, 8},
                         Shape{2500, 8, 9, 9, 8}, Shape{333, 1, 9, 17, 1}})
    for (bool weighted : {false, true})
      for (std::uint64_t seed : {1u, 2u}) {
        const auto x = data<T, I>(s.n, s.d, s.most, weighted, draw);
        const auto expected = plain_plusplus(x.dense(), s.k, s.trials, seed);
        for (bool prune : {false, true}) {
          std::vector<Index> dense(size(s.k), -1), sparse(size(s.k), -1);
          kmeans::plusplus(kAlone, x.dense(), s.k, s.trials, seed, prune, dense.data());
          kmeans::plusplus(kAlone, x.sparse(), s.k, s.trials, seed, prune, sparse.data());
          CHECK(dense == expected && sparse == expected,
                "k-means++, n = " << s.n << ", d = " << s.d << ", k = " << s.k << ", trials "
                                  << s.trials << ", pruned " << prune << ": "
                                  << (dense == expected ? "sparse" : "dense")
                                  << " rows differ from the plain ones");
        }
        if (s.n < 2 * s.k || s.d < 3) continue;
        auto sorted = expected;
        std::sort(sorted.begin(), sorted.end());
        CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(),
              "k-means++ chose a row twice");
      }
}

template <class T>
void overflow_is_refused() {
  const T huge = std::numeric_limits<T>::max() / 4;
  const std::vector<T> x{huge, -huge, huge}, c{T(0)};
  std::vector<Label> labels(3);
  std::vector<Index> rows(2);
  const Rows<T> view{x.data(), 3, 1, nullptr};
  int caught = 0;
  try {
    kmeans::assign(kAlone, view, c.data(), 1, labels.data());
  } catch (const std::invalid_argument&) {
    ++caught;
  }
  try {
    kmeans::plusplus(kAlone, view, 2, 1, 1, true, rows.data());
  } catch (const std::invalid_argument&) {
    ++caught;
  }
  CHECK(caught == 2, "squared distances that overflow were let through");
}

template <class T, class I>
void all() {
  check::Integers draw(13);
  check::Uniforms real(14);
  steps<T, I>(draw);
  labels_hold_far_away<T>(real);
  threads_give_equal_bits<T, I>(real);
  mean_variance_is_right<T>(real);
  seeds_are_those_of_plain_loops<T, I>(draw);
  overflow_is_refused<T>();
}

}  // namespace

int main() {
  return check::run([] {
    all<float, Index32>();
    all<double, Index64>();
    owners_sum_the_same<float, Index64>();
    owners_sum_the_same<double, Index32>();
  });
}
