// SPDX-License-Identifier: Apache-2.0
// log Z and annealed importance sampling compared with plain loops, at every vector width.
#include <cmath>
#include <stdexcept>
#include <vector>

#include "gibbous/layers/layer.hpp"
#include "gibbous/rbm/likelihood.hpp"
#include "tests/check.hpp"

using namespace gibbous;
using namespace gibbous::rbm;

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

template <class T>
struct OwnMachine {
  std::vector<T> w, a, b;
  Parameters<T> net;

  OwnMachine(Index d, Index k, double spread, std::uint64_t seed)
      : w(at(d * k)), a(at(d)), b(at(k)) {
    check::Uniforms uniform(seed);
    for (T& x : w) x = static_cast<T>(uniform(-spread, spread));
    for (T& x : a) x = static_cast<T>(uniform(-1, 1));
    for (T& x : b) x = static_cast<T>(uniform(-1, 1));
    net = {d, k, w.data(), a.data(), b.data()};
  }
  double weight(Index j, Index i) const { return static_cast<double>(w[at(j * net.visible + i)]); }
};

double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// The sum over hidden states, with the largest term factored out.
template <class T>
double slow_log_partition(const OwnMachine<T>& m) {
  std::vector<double> terms;
  for (Index s = 0; s < Index{1} << m.net.hidden; ++s) {
    double term = 0;
    for (Index j = 0; j < m.net.hidden; ++j)
      if (s >> j & 1) term += static_cast<double>(m.b[at(j)]);
    for (Index i = 0; i < m.net.visible; ++i) {
      double x = static_cast<double>(m.a[at(i)]);
      for (Index j = 0; j < m.net.hidden; ++j)
        if (s >> j & 1) x += m.weight(j, i);
      term += softplus_of(x);
    }
    terms.push_back(term);
  }
  double most = terms[0], sum = 0;
  for (const double t : terms) most = std::max(most, t);
  for (const double t : terms) sum += std::exp(t - most);
  return most + std::log(sum);
}

template <class T>
void check_exact() {
  std::uint64_t seed = 1;
  for (const Index d : {1, 6, 37, 130})
    for (const Index k : {1, 2, 5, 6, 11})
      for (const double spread : {0.5, 20.0, 500.0}) {
        const OwnMachine<T> m(d, k, spread, ++seed);
        if (d < k) continue;  // the slow sum is over hidden states
        const double truth = slow_log_partition(m);
        const double found = exact_log_partition(Execution{2}, m.net);
        CHECK(std::abs(found - truth) <= 1e-13 * std::abs(truth) + 1e-13,
              d << ' ' << k << ' ' << spread << ": " << found << ", not " << truth);
        CHECK(found == exact_log_partition(Execution{1}, m.net), "threads change " << found);
      }
  const OwnMachine<T> large(31, 31, 1.0, 3);
  bool refused = false;
  try {
    exact_log_partition(Execution{1}, large.net);
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  CHECK(refused, "2^31 states are not refused");
}

// Uniform numbers of a step, drawn in the same way as by the kernels.
double uniform_of(const StateDraws& draws, Index row, Index unit) {
  std::uint32_t words[kGroupWords];
  draws.pair(row / 2, unit / kPanel, words);
  const std::uint32_t w = words[row % 2 * kPanel + unit % kPanel];
  return ((w >> 8) + 0.5) * 0x1p-24;
}

std::vector<double> slow_anneal(const OwnMachine<double>& m, const std::vector<double>& base,
                                const std::vector<double>& betas, std::uint64_t seed,
                                std::vector<double> h, Index chains) {
  const Index d = m.net.visible, k = m.net.hidden;
  std::vector<double> v(at(d)), total(at(chains), 0.0);
  for (std::size_t s = 0; s + 1 < betas.size(); ++s) {
    const double now = betas[s], next = betas[s + 1];
    const auto step = static_cast<std::uint32_t>(2 * s);
    const StateDraws down(seed, Purpose::rbm_ais, step), up(seed, Purpose::rbm_ais, step + 1);
    for (Index c = 0; c < chains; ++c) {
      for (Index i = 0; i < d; ++i) {
        double x = 0;
        for (Index j = 0; j < k; ++j) x += h[at(c * k + j)] * m.weight(j, i);
        x = now * x + (1 - now) * base[at(i)] + now * m.a[at(i)];
        v[at(i)] = uniform_of(down, c, i) * (1 + std::exp(-x)) < 1 ? 1 : 0;
        total[at(c)] += (next - now) * (m.a[at(i)] - base[at(i)]) * v[at(i)];
      }
      for (Index j = 0; j < k; ++j) {
        double x = m.b[at(j)];
        for (Index i = 0; i < d; ++i) x += v[at(i)] * m.weight(j, i);
        total[at(c)] += softplus_of(next * x) - softplus_of(now * x);
        h[at(c * k + j)] = uniform_of(up, c, j) * (1 + std::exp(-next * x)) < 1 ? 1 : 0;
      }
    }
  }
  return total;
}

void check_anneal() {
  const std::vector<double> up = {0.0, 0.001, 0.25, 0.5, 1.0}, down = {1.0, 0.9, 0.3, 0.0};
  for (const Index d : {3, 32, 45})
    for (const Index k : {1, 64, 35})
      for (const Index chains : {1, 23, 40}) {
        const OwnMachine<double> m(d, k, 0.6, static_cast<std::uint64_t>(d * k + chains));
        check::Uniforms uniform(9);
        std::vector<double> base(at(d)), h(at(chains * k)), found(at(chains));
        for (double& x : base) x = uniform(-2, 2);
        for (double& x : h) x = uniform(0, 1) < 0.5 ? 1 : 0;
        for (const std::vector<double>& betas : {up, down}) {
          const Annealing<double> path{
              base.data(), betas.data(), static_cast<Index>(betas.size()) - 1,
              77,          h.data(),     chains};
          anneal(Execution{2}, m.net, path, found.data());
          const std::vector<double> slow = slow_anneal(m, base, betas, 77, h, chains);
          for (Index c = 0; c < chains; ++c)
            CHECK(std::abs(found[at(c)] - slow[at(c)]) < 1e-11,
                  d << ' ' << k << ' ' << c << ": " << found[at(c)] << ", not " << slow[at(c)]);
        }
      }
}

// Without weights, the weight of every path is log Z_1 - log Z_0 of the hidden biases, in either
// precision.
template <class T>
void check_no_weights(double tolerance) {
  OwnMachine<T> m(70, 50, 0.0, 4);
  const std::vector<double> betas = {0.0, 0.4, 0.7, 1.0};
  const std::vector<T> h(at(50 * 30), T(1));
  std::vector<double> found(30);
  const Annealing<T> path{m.a.data(), betas.data(), 3, 5, h.data(), 30};
  anneal(Execution{1}, m.net, path, found.data());
  double truth = 0;
  for (const T b : m.b) truth += softplus_of(static_cast<double>(b)) - std::log(2.0);
  for (const double x : found) CHECK(std::abs(x - truth) < tolerance, x << ", not " << truth);
}

}  // namespace

int main() {
  return check::run([] {
    check_exact<float>();
    check_exact<double>();
    check_anneal();
    check_no_weights<float>(2e-5);
    check_no_weights<double>(1e-12);
  });
}
