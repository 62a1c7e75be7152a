// SPDX-License-Identifier: Apache-2.0
#include <pybind11/stl.h>

#include "bind/bind.hpp"
#include "gibbous/ground/random.hpp"
#include "gibbous/ground/simd.hpp"

namespace gibbous::bind {

void bind_corpus(py::module_& m);
void bind_gmm(py::module_& m);
void bind_gmm_missing(py::module_& m);
void bind_kmeans(py::module_& m);
void bind_layers(py::module_& m);
void bind_lda_arrays(py::module_& m);
void bind_lda_fast(py::module_& m);
void bind_lda_measure(py::module_& m);
void bind_lda_exact(py::module_& m);
void bind_rbm(py::module_& m);
void bind_rows(py::module_& m);
void bind_tiles(py::module_& m);
void bind_rbm_likelihood(py::module_& m);

namespace {

void bind_build(py::module_& m) {
  m.attr("__version__") = GIBBOUS_VERSION;
  m.def(
      "build_info",
      [] {
        py::dict d;
        d["compiler"] =
#if defined(__clang__)
            "clang " __clang_version__;
#else
            "gcc " __VERSION__;
#endif
        d["level"] = GIBBOUS_LEVEL;
        d["vector_bytes"] = kVectorBytes;
        d["vector_registers"] = kVectorRegisters;
        d["openmp"] = _OPENMP;
        return d;
      },
      "Compiler, instruction-set level and vector width of this build.");
  m.def("default_threads", &default_threads, "Threads that OpenMP would use now.");
  m.def(
      "philox",
      [](const std::array<std::uint32_t, 4>& counter, const std::array<std::uint32_t, 2>& key) {
        return philox::block(counter, key);
      },
      py::arg("counter"), py::arg("key"), "One block of Philox4x32-10.");
  m.def(
      "uniform",
      [](std::uint64_t seed, std::uint32_t purpose, std::uint32_t iteration, std::uint64_t item) {
        return Stream(seed, static_cast<Purpose>(purpose)).uniform(iteration, item);
      },
      py::arg("seed"), py::arg("purpose"), py::arg("iteration"), py::arg("item"),
      "The uniform number on [0, 1) at one address of the seed's stream.");
}

void bind_models(py::module_& m) {
  py::module_ corpus = m.def_submodule("corpus", "Words of texts as numbers.");
  bind_corpus(corpus);
  py::module_ kmeans = m.def_submodule("kmeans", "K-means.");
  bind_kmeans(kmeans);
  py::module_ gmm = m.def_submodule("gmm", "Gaussian mixtures.");
  bind_gmm(gmm);
  py::module_ missing = gmm.def_submodule("missing", "Gaussian mixtures on incomplete rows.");
  bind_gmm_missing(missing);
  py::module_ lda = m.def_submodule("lda", "Topics: samplers, counts and measures.");
  bind_lda_arrays(lda);
  bind_lda_exact(lda);
  bind_lda_fast(lda);
  bind_lda_measure(lda);
  py::module_ layers = m.def_submodule("layers", "Rows, units and passes between two layers.");
  bind_layers(layers);
  py::module_ rbm = m.def_submodule("rbm", "Restricted Boltzmann machines.");
  bind_rbm(rbm);
  bind_rbm_likelihood(rbm);
}

}  // namespace
}  // namespace gibbous::bind

PYBIND11_MODULE(GIBBOUS_MODULE, m, pybind11::mod_gil_not_used()) {
  m.doc() = "Numeric core of gibbous. Private: use the classes of the gibbous package.";
  gibbous::bind::bind_build(m);
  gibbous::bind::bind_tiles(m);
  gibbous::bind::bind_rows(m);
  gibbous::bind::bind_models(m);
}
