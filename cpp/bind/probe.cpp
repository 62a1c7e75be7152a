// SPDX-License-Identifier: Apache-2.0
// Which instruction-set level can this machine run? Compiled for the baseline, imported first.
#include <pybind11/pybind11.h>

namespace {

const char* level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return "v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "v3";
  if (__builtin_cpu_supports("x86-64-v2")) return "v2";
#endif
  return "base";
}

}  // namespace

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
  m.doc() = "Probe of the processor, compiled for the baseline instruction set.";
  m.def("level", &level, "Highest x86-64 level this processor runs, or 'base'.");
}
