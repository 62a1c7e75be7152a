// SPDX-License-Identifier: Apache-2.0
// The K-means kernels against plain loops, dense and CSR. Data and centres are small integers, so
// that distances, ties and inertias must be equal; arrays have no slack.
#include <cmath>
#include <set>
#include <vector>

#include "check.hpp"
#include "gibbous/kmeans.hpp"

using namespace gibbous;

namespace {

template <class T>
struct Problem {
  Index n, k, d;
  std::vector<T> x, weight, centers;
  std::vector<T> data;  // the same rows as CSR
  std::vector<Index32> indices, indptr{0};

  Problem(Index n_, Index k_, Index d_, bool weighted, check::Integers& draw)
      : n(n_), k(k_), d(d_), x(n_ * d_), weight(weighted ? n_ : 0), centers(k_ * d_) {
    for (T& v : x) v = draw(0, 2) ? T(0) : T(draw(-8, 8));
    for (T& v : weight) v = T(draw(0, 3));
    for (T& v : centers) v = T(draw(-4, 4));
    for (Index i = 0; i < n; ++i) {
      for (Index a = 0; a < d; ++a)
        if (x[i * d + a] != 0) data.push_back(x[i * d + a]), indices.push_back(Index32(a));
      indptr.push_back(Index32(data.size()));
    }
  }

  const T* w() const { return weight.empty() ? nullptr : weight.data(); }
  Rows<T> dense() const { return {x.data(), n, d, w()}; }
  kmeans::Csr<T, Index32> sparse() const {
    return {data.data(), indices.data(), indptr.data(), n, d, w()};
  }
  double square(Index i, Index c) const {
    double s = 0;
    for (Index a = 0; a < d; ++a) {
      const double t = double(x[i * d + a]) - double(centers[c * d + a]);
      s += t * t;
    }
    return s;
  }
};

template <class T>
struct Expected {
  std::vector<Label> labels;
  std::vector<double> mass, means;
  double inertia = 0;

  explicit Expected(const Problem<T>& p) : labels(p.n), mass(p.k), means(p.k * p.d) {
    for (Index i = 0; i < p.n; ++i) {
      Index best = 0;
      for (Index c = 1; c < p.k; ++c)
        if (p.square(i, c) < p.square(i, best)) best = c;
      const double w = p.weight.empty() ? 1 : double(p.weight[i]);
      labels[i] = Label(best);
      inertia += w * p.square(i, best);
      mass[best] += w;
      for (Index a = 0; a < p.d; ++a) means[best * p.d + a] += w * double(p.x[i * p.d + a]);
    }
    for (Index c = 0; c < p.k; ++c)
      for (Index a = 0; a < p.d; ++a) means[c * p.d + a] /= mass[c];
  }
  bool has_empty() const {
    for (double m : mass)
      if (m == 0) return true;
    return false;
  }
};

template <class T, class Data>
void one(const Problem<T>& p, const Data& data, const char* kind) {
  const Expected<T> expected(p);
  const double tolerance = sizeof(T) == 8 ? 1e-13 : 1e-5;
  for (int threads : {1, 3}) {
    std::vector<Label> labels(p.n, -1);
    const double inertia =
        kmeans::assign(Execution{threads, nullptr}, data, p.centers.data(), p.k, labels.data());
    CHECK(labels == expected.labels,
          kind << " labels, n " << p.n << ", k " << p.k << ", d " << p.d);
    CHECK(std::abs(inertia - expected.inertia) <= tolerance * expected.inertia,
          kind << " inertia " << inertia << ", not " << expected.inertia);

    labels.assign(p.n, -1);
    if (p.n > 1) labels[0] = expected.labels[0];
    std::vector<T> fresh(p.k * p.d, T(99));
    const kmeans::Step step = kmeans::lloyd_step(
        Execution{threads, nullptr}, data, p.centers.data(), p.k, labels.data(), fresh.data());
    CHECK(labels == expected.labels, kind << " lloyd labels");
    CHECK(step.changed == (p.n > 1 ? p.n - 1 : p.n), kind << " changed " << step.changed);
    CHECK(std::abs(step.inertia - expected.inertia) <= tolerance * expected.inertia,
          kind << " lloyd inertia " << step.inertia);
    CHECK(step.relocated.empty() != expected.has_empty(), kind << " relocation");
    if (expected.has_empty()) continue;
    double worst = 0, shift = 0;
    for (std::size_t j = 0; j < fresh.size(); ++j) {
      worst = std::max(worst, std::abs(double(fresh[j]) - expected.means[j]));
      shift +=
          (expected.means[j] - double(p.centers[j])) * (expected.means[j] - double(p.centers[j]));
    }
    CHECK(worst <= 8 * tolerance,
          kind << " means off by " << worst << ", k " << p.k << ", d " << p.d);
    CHECK(std::abs(step.shift - shift) <= 100 * tolerance * (1 + shift),
          kind << " shift " << step.shift);
  }
  std::vector<T> out(p.n * p.k, T(-1));
  kmeans::distances(Execution{2, nullptr}, data, p.centers.data(), p.k, out.data());
  double worst = 0;
  for (Index i = 0; i < p.n; ++i)
    for (Index c = 0; c < p.k; ++c)
      worst = std::max(worst, std::abs(double(out[i * p.k + c]) - std::sqrt(p.square(i, c))));
  CHECK(worst <= 100 * tolerance, kind << " distances off by " << worst);
}

template <class T>
void all() {
  check::Integers draw(6);
  for (Index d : {1, 2, 3, 5, 8, 9, 16, 17, 33})
    for (Index k : {1, 2, 3, 5, 8, 17})
      for (Index n : {1, 2, 23, 130}) {
        const Problem<T> p(n, k, d, (n + k + d) % 2 == 0, draw);
        bool counts = p.weight.empty();
        for (T w : p.weight) counts |= w > 0;
        if (!counts) continue;  // refused before the kernels are reached
        one(p, p.dense(), "dense");
        one(p, p.sparse(), "sparse");
      }
}

// Seeding takes k different rows that count, and pruning changes nothing.
template <class T, class Data>
void seeds(const Problem<T>& p, const Data& data) {
  std::vector<Index> rows(p.k), unpruned(p.k);
  kmeans::plusplus(Execution{2, nullptr}, data, p.k, 3, 7, true, rows.data());
  kmeans::plusplus(Execution{1, nullptr}, data, p.k, 3, 7, false, unpruned.data());
  CHECK(rows == unpruned, "pruning changed the choice, k " << p.k << ", d " << p.d);
  bool inside = true;
  std::set<std::vector<T>> different;
  for (Index r : rows) {
    inside &= r >= 0 && r < p.n;
    if (inside) different.insert({p.x.begin() + r * p.d, p.x.begin() + (r + 1) * p.d});
  }
  CHECK(inside, "a row out of range");
  CHECK(Index(different.size()) == p.k, different.size() << " different rows of " << p.k);
}

template <class T>
void plusplus() {
  check::Integers draw(8);
  for (Index d : {5, 8, 17})
    for (Index k : {1, 2, 9, 20}) {
      const Problem<T> p(400, k, d, false, draw);
      seeds(p, p.dense());
      seeds(p, p.sparse());
    }
}

}  // namespace

int main() {
  return check::run([] {
    all<float>();
    all<double>();
    plusplus<float>();
    plusplus<double>();
  });
}
