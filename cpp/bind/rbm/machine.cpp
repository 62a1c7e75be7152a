// SPDX-License-Identifier: Apache-2.0
#include "gibbous/rbm/machine.hpp"

#include <pybind11/stl.h>

#include <tuple>

#include "bind/bind.hpp"
#include "bind/layers/arrays.hpp"

namespace gibbous::bind {
namespace {

using rbm::Settings;

template <class T>
using Triple = std::tuple<Array<T>, Array<T>, Array<T>>;  // w, a, b

template <class T>
Parameters<T> like(const Parameters<T>& net, std::optional<Triple<T>>& arrays) {
  if (!arrays) return {};
  auto& [w, a, b] = *arrays;
  const Parameters<T> p = parameters_of(net.visible, w, a, b);
  expect(p.hidden == net.hidden, "every set of parameters must have as many hidden units");
  return p;
}

template <class T>
T* optional_of(std::optional<Array<T>>& x, Index size, const char* what) {
  return x ? out_of(*x, size, what) : nullptr;
}

void expect_settings(const Settings& s, bool chains) {
  expect(s.gibbs_steps >= 1 && s.batch_size >= 1, "gibbs_steps and batch_size must be at least 1");
  expect((s.method == rbm::Method::cd) != chains, "all methods but cd, and only they, have chains");
  expect(s.method == rbm::Method::tempering ? s.temperatures >= 2 : s.temperatures == 1,
         "temperatures must be at least 2 for tempering and else 1");
}

template <class T>
const T* lengths_of(const layers::Units& units, const std::optional<Array<T>>& lengths,
                    Index chains) {
  expect((units.visible == layers::Visible::counts) == lengths.has_value(),
         "lengths go with chains of counts");
  expect(!lengths || lengths->size() == chains, "lengths must have one entry a chain");
  return lengths ? lengths->data() : nullptr;
}

template <class T>
std::uint32_t train(const BoundRows<T>& x, const Array<Index64>& order, const Settings& settings,
                    Array<T>& w, Array<T>& a, Array<T>& b, std::uint32_t step,
                    std::optional<Triple<T>> velocity, std::optional<Triple<T>> fast,
                    std::optional<Array<T>> mu, std::optional<Array<T>> lambda,
                    std::optional<Array<T>> activity, std::optional<Array<T>> chains, int threads,
                    const std::optional<BoundUnits>& units, std::optional<Array<T>> z,
                    std::optional<Array<T>> velocity_z, std::optional<Array<T>> lengths) {
  const Parameters<T> net = with_units(parameters_of(x.source.d, w, a, b), units, z);
  if (z) out_of(*z, net.visible, "z must have one entry a visible unit");
  expect_rows_of(x.source, net.units);
  expect_settings(settings, chains.has_value());
  expect(settings.centered == (mu && lambda), "mu and lambda go with the centered gradient");
  for (Index i = 0; i < order.size(); ++i)
    expect(order.data()[i] >= 0 && order.data()[i] < x.source.n, "order must hold rows of x");
  rbm::State<T> state;
  state.velocity = like(net, velocity);
  state.velocity.z = optional_of(velocity_z, net.visible, "velocity_z must be like z");
  state.fast = like(net, fast);
  state.mu = optional_of(mu, net.visible, "mu must have one entry a visible unit");
  state.lambda = optional_of(lambda, net.hidden, "lambda must have one entry a hidden unit");
  state.activity = optional_of(activity, net.hidden, "activity must have one a hidden unit");
  if (chains) {
    expect(chains->ndim() == 2 && chains->shape(1) == net.hidden && chains->shape(0) >= 1 &&
               chains->shape(0) % settings.temperatures == 0,
           "chains must have one row a chain and temperature, one column a hidden unit");
    state.chains = chains->mutable_data();
    state.n_chains = chains->shape(0) / settings.temperatures;
    state.lengths = lengths_of(net.units, lengths, state.n_chains);
  }
  state.step = step;
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
void gibbs(const Array<T>& w, const Array<T>& a, const Array<T>& b, Array<T>& hidden,
           std::optional<Array<T>> out, Index steps, std::uint64_t seed, std::uint32_t step,
           const std::optional<Array<T>>& clamp, bool means, int threads,
           const std::optional<BoundUnits>& units, const std::optional<Array<T>>& z,
           const std::optional<Array<T>>& lengths) {
  const Parameters<T> net = with_units(fixed_parameters<T>(a.size(), w, a, b), units, z);
  expect(hidden.ndim() == 2 && hidden.shape(1) == net.hidden,
         "hidden must have one column a hidden unit");
  const Index chains = hidden.shape(0);
  T* h = hidden.mutable_data();
  T* v = optional_of(out, chains * net.visible, "out must have a row a chain, a column a unit");
  expect(!clamp || clamp->size() == chains * net.visible, "clamp must have the shape of out");
  const T* l = lengths_of(net.units, lengths, chains);
  PythonMonitor monitor;
  const TileProduct tiles = tile_product();
  const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
  rbm::gibbs(Execution{threads, &monitor, tiles}, net,
             rbm::Chains<T>{chains, h, v, clamp ? clamp->data() : nullptr, l},
             rbm::Sampling{steps, seed, step, means});
}

template <class T>
Array<double> conditionals(const BoundRows<T>& x, const Array<T>& w, const Array<T>& a,
                           const Array<T>& b, const Array<Index64>& chosen, int threads,
                           const std::optional<BoundUnits>& units,
                           const std::optional<Array<T>>& z) {
  const Parameters<T> net = with_units(fixed_parameters<T>(x.source.d, w, a, b), units, z);
  expect_rows_of(x.source, net.units);
  expect(chosen.size() == x.source.n, "chosen must have one entry a row");
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
Array<double> group_energies(const BoundRows<T>& x, const Array<T>& w, const Array<T>& a,
                             const Array<T>& b, Index group, int threads, const BoundUnits& units) {
  const Parameters<T> net = with_units<T>(fixed_parameters<T>(x.source.d, w, a, b), units, {});
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
void bind_precision(py::module_& m) {
  using X = Array<T>;
  m.def("train", &train<T>, py::arg("x"), py::arg("order").noconvert(), py::arg("settings"),
        py::arg("w").noconvert(), py::arg("a").noconvert(), py::arg("b").noconvert(),
        py::arg("step"), py::arg("velocity").noconvert(), py::arg("fast").noconvert(),
        py::arg("mu").noconvert(), py::arg("lambda_").noconvert(), py::arg("activity").noconvert(),
        py::arg("chains").noconvert(), py::arg("threads"), py::arg("units") = py::none(),
        py::arg("z").noconvert() = py::none(), py::arg("velocity_z").noconvert() = py::none(),
        py::arg("lengths").noconvert() = py::none(),
        "A pass over the rows in mini-batches, in place; returns the next sampling step.");
  m.def(
      "free_energies",
      [](const BoundRows<T>& x, const X& w, const X& a, const X& b, int threads,
         const std::optional<BoundUnits>& units, const std::optional<X>& z) {
        const Parameters<T> net = with_units(fixed_parameters<T>(x.source.d, w, a, b), units, z);
        expect_rows_of(x.source, net.units);
        Array<double> out(x.source.n);
        double* o = out.mutable_data();
        PythonMonitor monitor;
        {
          const py::gil_scoped_release nogil;  // the caller's arrays outlive the call
          rbm::free_energies(Execution{threads, &monitor}, x.source, net, o);
        }
        return out;
      },
      py::arg("x"), py::arg("w").noconvert(), py::arg("a").noconvert(), py::arg("b").noconvert(),
      py::arg("threads"), py::arg("units") = py::none(), py::arg("z").noconvert() = py::none(),
      "F(v) of all rows.");
  m.def("conditionals", &conditionals<T>, py::arg("x"), py::arg("w").noconvert(),
        py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("chosen").noconvert(),
        py::arg("threads"), py::arg("units") = py::none(), py::arg("z").noconvert() = py::none(),
        "Logarithm of P(one variable of each row | all others).");
  m.def("group_energies", &group_energies<T>, py::arg("x"), py::arg("w").noconvert(),
        py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("group"), py::arg("threads"),
        py::arg("units"), "Minus F of each row with one unit of the group on after the other.");
  m.def("gibbs", &gibbs<T>, py::arg("w").noconvert(), py::arg("a").noconvert(),
        py::arg("b").noconvert(), py::arg("hidden").noconvert(), py::arg("out").noconvert(),
        py::arg("steps"), py::arg("seed"), py::arg("step"), py::arg("clamp").noconvert(),
        py::arg("means"), py::arg("threads"), py::arg("units") = py::none(),
        py::arg("z").noconvert() = py::none(), py::arg("lengths").noconvert() = py::none(),
        "Steps of block Gibbs sampling, in place.");
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
  bind_precision<float>(m);
  bind_precision<double>(m);
}

}  // namespace gibbous::bind
