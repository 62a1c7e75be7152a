// SPDX-License-Identifier: Apache-2.0
#include "bind/lda/arrays.hpp"

#include <utility>

namespace gibbous::bind {

void bind_lda_arrays(py::module_& m) {
  const auto in = [](const char* name) { return py::arg(name).noconvert(); };
  py::class_<BoundDocuments>(m, "Documents", py::module_local(),
                             "Bags of words in compressed rows; the arrays are not copied.")
      .def(py::init([](Array<Index64> indptr, Array<Index32> words, Array<lda::Count> counts) {
             return BoundDocuments{std::move(indptr), std::move(words), std::move(counts)};
           }),
           in("indptr"), in("words"), in("counts"));
  py::class_<BoundTopics>(m, "TopicWord", py::module_local(),
                          "Sparse values of words in topics over a floor; not copied.")
      .def(py::init([](Array<Index64> indptr, Array<lda::Topic> topics, Array<float> values,
                       Array<float> floor) {
             return BoundTopics{std::move(indptr), std::move(topics), std::move(values),
                                std::move(floor)};
           }),
           in("indptr"), in("topics"), in("values"), in("floor"));
}

}  // namespace gibbous::bind
