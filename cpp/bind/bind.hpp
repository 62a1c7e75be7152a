// SPDX-License-Identifier: Apache-2.0
// Shared by the bindings: array types that never copy, and the handling of Ctrl-C.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "gibbous/ground/parallel.hpp"
#include "gibbous/ground/types.hpp"

namespace gibbous::bind {

namespace py = pybind11;

// C-contiguous, of exactly this dtype: the Python layer has made all conversions, so that anything
// else is rejected instead of being copied silently.
template <class T>
using Array = py::array_t<T, py::array::c_style>;

// Lets Python handle signals at most every 50 ms while a kernel runs without the GIL. Constructed
// before the GIL is released, so that it is destroyed with the GIL held.
class PythonMonitor final : public Monitor {
 public:
  void poll() override {
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(50)) return;
    last_ = now;
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

inline void expect(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(what);
}

// Dense rows and their weights, with the arrays that hold them.
template <class T>
struct BoundRows {
  Array<T> x;
  std::optional<Array<T>> weight;
  Rows<T> rows;
};

template <class T>
T* out_of(Array<T>& a, Index size, const char* what) {
  expect(a.size() == size, what);
  return a.mutable_data();  // throws for a read-only array
}

template <class T>
T* optional_out(std::optional<Array<T>>& a, Index size, const char* what) {
  return a ? out_of(*a, size, what) : nullptr;
}

// The product of states and weights on a matrix unit, if the processor has one and GIBBOUS_AMX
// allows it.
TileProduct tile_product();

}  // namespace gibbous::bind
