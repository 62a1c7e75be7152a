// SPDX-License-Identifier: Apache-2.0
// Reports the highest instruction-set level of this machine. Compiled for the baseline, and
// imported first. It has one function without arguments and uses Python's C interface, because
// parsing the headers of pybind11 takes longer than compiling most kernels.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "gibbous/ground/level.hpp"

namespace {

PyObject* level(PyObject*, PyObject*) { return PyUnicode_FromString(gibbous::processor_level()); }

PyMethodDef functions[] = {
    {"level", level, METH_NOARGS,
     "level() -> str\n\nHighest x86-64 level this processor runs, or 'base'."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "_cpu",
                          "Probe of the processor, compiled for the baseline instruction set.",
                          0,
                          functions,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__cpu() {
  PyObject* module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
  if (module != nullptr) PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
  return module;
}
