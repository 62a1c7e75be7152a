// SPDX-License-Identifier: Apache-2.0
// Training with every kind of unit: bit-identical for any number of threads, and equal steps by
// table lookup and by the tiles of a matrix unit. The steps themselves are tested in Python.
#include <cmath>
#include <vector>

#include "gibbous/ground/tile_product.hpp"
#include "gibbous/rbm/machine.hpp"
#include "tests/check.hpp"

using namespace gibbous;
using namespace gibbous::rbm;

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

struct Kind {
  const char* name;
  Visible visible = Visible::binary;
  Hidden hidden = Hidden::binary;
  Method method = Method::cd;
  bool centered = false, groups = false;
};

// A machine, rows for it and the state of training, small enough to copy for every run.
template <class T>
struct Fit {
  Index d = 70, k = 37, n = 45;
  Kind kind;
  std::vector<T> w, a, b, z, x, mu, lambda, chains, lengths, speed_w, speed_a, speed_b, speed_z;
  std::vector<Index64> order, groups{3, 8, 30, 41};
  State<T> state;

  explicit Fit(const Kind& kind_) : kind(kind_) {
    check::Uniforms uniform(7);
    const auto draw = [&](Index size, double low, double high) {
      std::vector<T> out(at(size));
      for (T& value : out) value = static_cast<T>(uniform(low, high));
      return out;
    };
    w = draw(d * k, -0.1, 0.1);
    a = draw(d, -0.5, 0.5);
    b = draw(k, -0.5, 0.5);
    z = draw(d, -0.5, 0.0);
    x = draw(n * d, 0, 1);
    if (kind.visible == Visible::counts)
      for (T& value : x) value = std::floor(value * T(3));
    if (kind.groups)
      for (Index r = 0; r < n; ++r)
        for (const Index g : {0, 1})
          for (Index64 i = groups[at(2 * g)]; i < groups[at(2 * g + 1)]; ++i)
            x[at(r * d) + static_cast<std::size_t>(i)] = T(i == groups[at(2 * g)] + r % 5);
    mu = draw(d, 0, 1);
    lambda = draw(k, 0, 1);
    const Index replicas = kind.method == Method::tempering ? 3 : 1;
    chains.assign(at(11 * replicas * k), T(0));
    lengths.assign(11, T(9));
    speed_w.assign(w.size(), T(0));
    speed_a.assign(a.size(), T(0));
    speed_b.assign(b.size(), T(0));
    speed_z.assign(z.size(), T(0));
    for (Index r = n; r-- > 0;) order.push_back(r);
  }

  void run(int threads, TileProduct product) {
    const bool gaussian = kind.visible == Visible::gaussian;
    Units units{kind.visible, kind.hidden, kind.groups ? 2 : 0, groups.data()};
    Parameters<T> net{d, k, w.data(), a.data(), b.data(), gaussian ? z.data() : nullptr, units};
    Settings s;
    s.method = kind.method;
    s.batch_size = 32;  // and a last one of 13
    s.rate = 0.05;
    s.momentum = 0.5;
    s.centered = kind.centered;
    s.temperatures = kind.method == Method::tempering ? 3 : 1;
    s.fast_rate = 0.05;
    s.variance_rate = gaussian ? 0.01 : 0.0;
    s.seed = 11;
    state.velocity = {d,
                      k,
                      speed_w.data(),
                      speed_a.data(),
                      speed_b.data(),
                      gaussian ? speed_z.data() : nullptr,
                      units};
    std::vector<T> fast_w(w.size()), fast_a(a.size()), fast_b(b.size());
    if (kind.method == Method::fast_pcd)
      state.fast = {d, k, fast_w.data(), fast_a.data(), fast_b.data(), nullptr, units};
    if (kind.centered) state.mu = mu.data(), state.lambda = lambda.data();
    if (kind.method != Method::cd) state.chains = chains.data(), state.n_chains = 11;
    if (kind.visible == Visible::counts && state.chains) state.lengths = lengths.data();
    Source<T> rows{n, d};
    rows.real = x.data();
    train(Execution{threads, nullptr, product}, rows, order.data(), n, s, net, state);
  }
};

template <class T>
double distance(const std::vector<T>& x, const std::vector<T>& y) {
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
  return most;
}

template <class T>
void check_kind(const Kind& kind, TileProduct product, const std::vector<T>* expected,
                std::vector<T>& found) {
  Fit<T> one(kind), three(kind);
  const std::vector<T> before = one.w;
  one.run(1, product);
  three.run(3, product);
  CHECK(one.w == three.w && one.a == three.a && one.b == three.b && one.z == three.z &&
            one.chains == three.chains,
        kind.name << ": threads change the result");
  const double moved = distance(one.w, before);
  CHECK(moved > 1e-5 && moved < 10, kind.name << ": the weights moved by " << moved);
  // two steps of rate .05 on products that are accurate to 2^-17
  if (expected)
    CHECK(distance(one.w, *expected) < 1e-5 && one.w != *expected,
          kind.name << ": tiles are off by " << distance(one.w, *expected));
  found = one.w;
}

}  // namespace

int main() {
  return check::run([] {
    const Kind kinds[] = {
        {"cd"},
        {"centered", Visible::binary, Hidden::binary, Method::pcd, true},
        {"fast", Visible::binary, Hidden::binary, Method::fast_pcd},
        {"tempering", Visible::binary, Hidden::binary, Method::tempering},
        {"groups", Visible::binary, Hidden::binary, Method::pcd, false, true},
        {"counts", Visible::counts},
        {"counts, chains", Visible::counts, Hidden::binary, Method::pcd, true},
        {"Gaussian", Visible::gaussian, Hidden::binary, Method::cd, true},
        {"Gaussian, stepped", Visible::gaussian, Hidden::stepped},
        {"stepped", Visible::binary, Hidden::stepped, Method::pcd},
    };
    for (const Kind& kind : kinds) {
      std::vector<float> looked_up, tiled;
      check_kind<float>(kind, nullptr, nullptr, looked_up);
      check_kind<float>(kind, &tiles::plain, &looked_up, tiled);
      std::vector<double> twice;
      check_kind<double>(kind, nullptr, nullptr, twice);
    }
  });
}
