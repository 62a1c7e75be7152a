// SPDX-License-Identifier: Apache-2.0
#include "gibbous/rbm/machine.hpp"

#include <pybind11/stl.h>

#include <tuple>
#include <utility>

#include "bind/bind.hpp"
#include "bind/layers/arrays.hpp"

namespace gibbous::bind {
namespace {

using rbm::Settings;

template <class T>
using Triple = std::tuple<Array<T>, Array<T>, Array<T>>;  // w, a, b

// State kept between passes of training, with the arrays that hold it. Sizes match a machine with
// so many units.
template <class T>
struct BoundState {
  Index visible, hidden;
  std::optional<Triple<T>> velocity, fast;
  std::optional<std::tuple<Array<T>, Array<T>>> offsets;  // mu, lambda
  std::optional<Array<T>> activity, chains, velocity_z, lengths;
  rbm::State<T> state;
};

// Chains of block Gibbs sampling; sizes are checked against the machine.
template <class T>
struct BoundChains {
  Array<T> hidden;
  std::optional<Array<T>> out, clamp, lengths;
};

template <class T>
Parameters<T> like(const Parameters<T>& net, std::optional<Triple<T>>& arrays) {
  if (!arrays) return {};
  auto& [w, a, b] = *arrays;
  expect(w.ndim() == 2 && w.shape(1) == net.visible && w.shape(0) == net.hidden,
         "velocity and fast weights must have the shapes of the parameters");
  return {net.visible, net.hidden, w.mutable_data(),
          out_of(a, net.visible, "a must have one entry per visible unit"),
          out_of(b, net.hidden, "b must have one entry per hidden unit")};
}

void expect_settings(const Settings& s, bool chains) {
  expect(s.gibbs_steps >= 1 && s.batch_size >= 1, "gibbs_steps and batch_size must be at least 1");
  expect((s.method == rbm::Method::cd) != chains, "all methods but cd, and only they, have chains");
  expect(s.method == rbm::Method::tempering ? s.temperatures >= 2 : s.temperatures == 1,
         "temperatures must be at least 2 for tempering and 1 otherwise");
}

template <class T>
const T* lengths_of(const layers::Units& units, const std::optional<Array<T>>& lengths,
                    Index chains) {
  expect((units.visible == layers::Visible::counts) == lengths.has_value(),
         "lengths go with chains of counts");
  expect(!lengths || lengths->size() == chains, "lengths must have one entry per chain");
  return lengths ? lengths->data() : nullptr;
}

// `parameters` are those of the machine that this state belongs to.
template <class T>
BoundState<T> make_state(const BoundParameters<T>& parameters, std::optional<Triple<T>> velocity,
                         std::optional<Triple<T>> fast,
                         std::optional<std::tuple<Array<T>, Array<T>>> offsets,
                         std::optional<Array<T>> activity, std::optional<Array<T>> chains,
                         std::optional<Array<T>> velocity_z, std::optional<Array<T>> lengths) {
  const Parameters<T>& net = parameters.net;
  rbm::State<T> state;
  state.velocity = like(net, velocity);
  state.velocity.z = optional_out(velocity_z, net.visible, "velocity_z must be like z");
  state.fast = like(net, fast);
  if (offsets) {
    auto& [mu, lambda] = *offsets;
    state.mu = out_of(mu, net.visible, "mu must have one entry per visible unit");
    state.lambda = out_of(lambda, net.hidden, "lambda must have one entry per hidden unit");
  }
  state.activity =
      optional_out(activity, net.hidden, "activity must have one entry per hidden unit");
  if (chains) {
    expect(chains->ndim() == 2 && chains->shape(1) == net.hidden && chains->shape(0) >= 1,
           "chains must have one row per chain and temperature, one column per hidden unit");
    state.chains = chains->mutable_data();
  }
  return {net.visible,         net.hidden,
          std::move(velocity), std::move(fast),
          std::move(offsets),  std::move(activity),
          std::move(chains),   std::move(velocity_z),
          std::move(lengths),  state};
}

// The state for a pass with these settings.
template <class T>
rbm::State<T> state_for(const BoundState<T>& bound, const Parameters<T>& net,
                        const Settings& settings, std::uint32_t step) {
  expect(bound.visible == net.visible && bound.hidden == net.hidden,
         "the state must be that of a machine of equally many units");
  expect_settings(settings, bound.chains.has_value());
  expect(settings.centered == bound.offsets.has_value(), "offsets go with the centered gradient");
  rbm::State<T> state = bound.state;
  if (bound.chains) {
    expect(bound.chains->shape(0) % settings.temperatures == 0,
           "chains must have one row per chain and temperature");
    state.n_chains = bound.chains->shape(0) / settings.temperatures;
    state.lengths = lengths_of(net.units, bound.lengths, state.n_chains);
  }
  state.step = step;
  return state;
}

template <class T>
std::uint32_t train(const BoundSource<T>& x, const Array<Index64>& order, const Settings& settings,
                    BoundParameters<T>& parameters, const BoundState<T>& kept, std::uint32_t step,
                    int threads) {
  parameters_for(x.source, parameters);
  const Parameters<T> net = writable(parameters);
  for (Index i = 0; i < order.size(); ++i)
    expect(order.data()[i] >= 0 && order.data()[i] < x.source.n, "order must hold rows of x");
  rbm::State<T> state = state_for(kept, net, settings, step);
  PythonMonitor monitor;
  const TileProduct tiles = tile_product();
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    rbm::train(Execution{threads, &monitor, tiles}, x.source, order.data(), order.size(), settings,
               net, state);
  }
  return state.step;
}

template <class T>
void gibbs(const BoundParameters<T>& parameters, BoundChains<T>& bound, Index steps,
           std::uint64_t seed, std::uint32_t step, bool means, int threads) {
  const Parameters<T>& net = parameters.net;
  Array<T>& hidden = bound.hidden;
  expect(hidden.ndim() == 2 && hidden.shape(1) == net.hidden,
         "hidden must have one column per hidden unit");
  const Index n = hidden.shape(0);
  expect(!bound.clamp || bound.clamp->size() == n * net.visible,
         "clamp must have the shape of out");
  const rbm::Chains<T> chains{
      n, hidden.mutable_data(),
      optional_out(bound.out, n * net.visible, "out must have shape (n_chains, n_visible)"),
      bound.clamp ? bound.clamp->data() : nullptr, lengths_of(net.units, bound.lengths, n)};
  PythonMonitor monitor;
  const TileProduct tiles = tile_product();
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  rbm::gibbs(Execution{threads, &monitor, tiles}, net, chains,
             rbm::Sampling{steps, seed, step, means});
}

template <class T>
Array<double> free_energies(const BoundSource<T>& x, const BoundParameters<T>& parameters,
                            int threads) {
  const Parameters<T>& net = parameters_for(x.source, parameters);
  Array<double> out(x.source.n);
  double* o = out.mutable_data();
  PythonMonitor monitor;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    rbm::free_energies(Execution{threads, &monitor}, x.source, net, o);
  }
  return out;
}

template <class T>
Array<double> conditionals(const BoundSource<T>& x, const BoundParameters<T>& parameters,
                           const Array<Index64>& chosen, int threads) {
  const Parameters<T>& net = parameters_for(x.source, parameters);
  expect(chosen.size() == x.source.n, "chosen must have one entry per row");
  for (Index i = 0; i < chosen.size(); ++i)
    expect(chosen.data()[i] >= 0 && chosen.data()[i] < net.visible,
           "chosen must hold visible units");
  Array<double> out(x.source.n);
  double* o = out.mutable_data();
  PythonMonitor monitor;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    rbm::conditionals(Execution{threads, &monitor}, x.source, net, chosen.data(), o);
  }
  return out;
}

template <class T>
Array<double> group_energies(const BoundSource<T>& x, const BoundParameters<T>& parameters,
                             Index group, int threads) {
  const Parameters<T>& net = parameters_for(x.source, parameters);
  expect(group >= 0 && group < net.units.n_groups, "group must be one of the machine's");
  const Index64* g = net.units.groups + 2 * group;
  Array<double> out({x.source.n, static_cast<Index>(g[1] - g[0])});
  double* o = out.mutable_data();
  PythonMonitor monitor;
  {
    const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
    rbm::group_energies(Execution{threads, &monitor}, x.source, net, group, o);
  }
  return out;
}

template <class T>
void bind_training(py::module_& m, const char* state) {
  const auto optional = [](const char* name) { return py::arg(name).noconvert().none(true); };
  py::class_<BoundState<T>>(m, state, py::module_local(),
                            "What training keeps between passes; the arrays are not copied.");
  m.def("state", &make_state<T>, py::arg("parameters"), optional("velocity"), optional("fast"),
        optional("offsets"), optional("activity"), optional("chains"),
        optional("velocity_z") = py::none(), optional("lengths") = py::none(),
        "What training keeps between passes; None where the settings have no use for it.");
  m.def("train", &train<T>, py::arg("x"), py::arg("order").noconvert(), py::arg("settings"),
        py::arg("parameters"), py::arg("state"), py::arg("step"), py::arg("threads"),
        "A pass over the rows in mini-batches, in place; returns the next sampling step.");
}

template <class T>
void bind_chains(py::module_& m, const char* chains) {
  const auto optional = [](const char* name) { return py::arg(name).noconvert().none(true); };
  py::class_<BoundChains<T>>(m, chains, py::module_local(),
                             "Chains of block Gibbs sampling; the arrays are not copied.");
  m.def(
      "chains",
      [](Array<T> hidden, std::optional<Array<T>> out, std::optional<Array<T>> clamp,
         std::optional<Array<T>> lengths) {
        return BoundChains<T>{std::move(hidden), std::move(out), std::move(clamp),
                              std::move(lengths)};
      },
      py::arg("hidden").noconvert(), optional("out"), optional("clamp") = py::none(),
      optional("lengths") = py::none(),
      "Hidden states, where to write the visible ones, and those that stay; lengths of counts.");
  m.def("gibbs", &gibbs<T>, py::arg("parameters"), py::arg("chains"), py::arg("steps"),
        py::arg("seed"), py::arg("step"), py::arg("means"), py::arg("threads"),
        "Steps of block Gibbs sampling, in place.");
}

template <class T>
void bind_scores(py::module_& m) {
  m.def("free_energies", &free_energies<T>, py::arg("x"), py::arg("parameters"), py::arg("threads"),
        "F(v) of all rows.");
  m.def("conditionals", &conditionals<T>, py::arg("x"), py::arg("parameters"),
        py::arg("chosen").noconvert(), py::arg("threads"),
        "Logarithm of P(one variable of each row | all others).");
  m.def("group_energies", &group_energies<T>, py::arg("x"), py::arg("parameters"), py::arg("group"),
        py::arg("threads"), "Minus F of each row with one unit of the group on after the other.");
}

}  // namespace

void bind_rbm(py::module_& m) {
  py::class_<Settings>(m, "Settings", py::module_local(), "Settings of training.")
      .def(py::init<>())
      .def_property(
          "method", [](const Settings& s) { return static_cast<int>(s.method); },
          [](Settings& s, int method) {
            expect(method >= 0 && method <= 3, "method must be 0 ... 3");
            s.method = static_cast<rbm::Method>(method);
          })
      .def_readwrite("gibbs_steps", &Settings::gibbs_steps)
      .def_readwrite("batch_size", &Settings::batch_size)
      .def_readwrite("rate", &Settings::rate)
      .def_readwrite("momentum", &Settings::momentum)
      .def_readwrite("l1", &Settings::l1)
      .def_readwrite("l2", &Settings::l2)
      .def_readwrite("centered", &Settings::centered)
      .def_readwrite("offset_rate", &Settings::offset_rate)
      .def_readwrite("sparsity_target", &Settings::sparsity_target)
      .def_readwrite("sparsity_cost", &Settings::sparsity_cost)
      .def_readwrite("sparsity_decay", &Settings::sparsity_decay)
      .def_readwrite("fast_rate", &Settings::fast_rate)
      .def_readwrite("fast_decay", &Settings::fast_decay)
      .def_readwrite("temperatures", &Settings::temperatures)
      .def_readwrite("variance_rate", &Settings::variance_rate)
      .def_readwrite("least_z", &Settings::least_z)
      .def_readwrite("most_z", &Settings::most_z)
      .def_readwrite("mean_length", &Settings::mean_length)
      .def_readwrite("seed", &Settings::seed);
  bind_training<float>(m, "State32");
  bind_training<double>(m, "State64");
  bind_chains<float>(m, "Chains32");
  bind_chains<double>(m, "Chains64");
  bind_scores<float>(m);
  bind_scores<double>(m);
}

}  // namespace gibbous::bind
