// SPDX-License-Identifier: Apache-2.0
#include "gibbous/rbm/likelihood.hpp"

#include "bind/bind.hpp"
#include "bind/layers/arrays.hpp"

namespace gibbous::bind {
namespace {

// Z can be computed for binary units only.
template <class T>
const Parameters<T>& two_states(const BoundParameters<T>& bound) {
  const layers::Units& units = bound.net.units;
  expect(units.visible == layers::Visible::binary && units.hidden == layers::Hidden::binary &&
             units.n_groups == 0,
         "the units must have two states");
  return bound.net;
}

template <class T>
double exact(const BoundParameters<T>& parameters, int threads) {
  const Parameters<T>& net = two_states(parameters);
  PythonMonitor monitor;
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  return rbm::exact_log_partition(Execution{threads, &monitor}, net);
}

template <class T>
Array<double> anneal(const BoundParameters<T>& parameters, const Array<T>& base,
                     const Array<double>& betas, const Array<T>& hidden, std::uint64_t seed,
                     int threads) {
  const Parameters<T>& net = two_states(parameters);
  expect(base.size() == net.visible, "base must have one entry per visible unit");
  expect(betas.ndim() == 1 && betas.size() >= 2, "betas must have at least two entries");
  expect(hidden.ndim() == 2 && hidden.shape(1) == net.hidden,
         "hidden must have one column per hidden unit");
  Array<double> out(hidden.shape(0));
  double* o = out.mutable_data();
  PythonMonitor monitor;
  const TileProduct tiles = tile_product();
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    const rbm::Annealing<T> path{base.data(), betas.data(),  betas.size() - 1,
                                 seed,        hidden.data(), hidden.shape(0)};
    rbm::anneal(Execution{threads, &monitor, tiles}, net, path, o);
  }
  return out;
}

template <class T>
void bind_likelihood(py::module_& m) {
  m.def("exact_log_partition", &exact<T>, py::arg("parameters"), py::arg("threads"),
        "Logarithm of Z by the sum over all states of the smaller layer.");
  m.def("anneal", &anneal<T>, py::arg("parameters"), py::arg("base").noconvert(),
        py::arg("betas").noconvert(), py::arg("hidden").noconvert(), py::arg("seed"),
        py::arg("threads"),
        "Log-weights of chains that run through the betas in order, from hidden states.");
}

}  // namespace

void bind_rbm_likelihood(py::module_& m) {
  bind_likelihood<float>(m);
  bind_likelihood<double>(m);
}

}  // namespace gibbous::bind
