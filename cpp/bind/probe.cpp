// SPDX-License-Identifier: Apache-2.0
// Reports the highest instruction-set level of this machine. Compiled for the baseline, and
// imported first.
#include <pybind11/pybind11.h>

#include "gibbous/ground/level.hpp"

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
  m.doc() = "Probe of the processor, compiled for the baseline instruction set.";
  m.def("level", &gibbous::processor_level, "Highest x86-64 level this processor runs, or 'base'.");
}
