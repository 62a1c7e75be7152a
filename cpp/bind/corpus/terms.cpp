// SPDX-License-Identifier: Apache-2.0
#include "gibbous/corpus/terms.hpp"

#include <pybind11/stl.h>

#include "bind/bind.hpp"

namespace gibbous::bind {

void bind_corpus(py::module_& m) {
  using corpus::Terms;
  py::class_<Terms>(m, "Terms", py::module_local(),
                    "Numbers of words, in the order in which they are met.")
      .def(py::init<Index64>(), py::arg("first"))
      .def(
          "number",
          [](Terms& terms, const py::bytes& text, bool grow, Index64 unknown) {
            // Keeps the GIL: no other thread may change the table, and a call takes milliseconds.
            std::vector<Index64> out;
            out.reserve(static_cast<std::size_t>(py::len(text)) / 4);
            terms.number(static_cast<std::string_view>(text), grow, unknown, out);
            return Array<Index64>(static_cast<py::ssize_t>(out.size()), out.data());
          },
          py::arg("text"), py::arg("grow"), py::arg("unknown"),
          "The numbers of all words of a text, which spaces part.")
      .def(
          "words",
          [](const Terms& terms, Index64 first) {
            std::vector<py::bytes> out;
            for (Index64 i = first; i < terms.end(); ++i) {
              const std::string_view word = terms.word(i);
              out.emplace_back(word.data(), word.size());
            }
            return out;
          },
          py::arg("first"), "The words from one number on.")
      .def_property_readonly("end", &Terms::end, "The number past the last.");
}

}  // namespace gibbous::bind
