// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "bind/bind.hpp"
#include "gibbous/ground/tile_product.hpp"

namespace gibbous::bind {

// Read at every call, so that one process can compare the settings.
TileProduct tile_product() {
  const char* value = std::getenv("GIBBOUS_AMX");
  const std::string wanted = value ? value : "";
  if (wanted.empty() || wanted == "1") return tiles::unit();
  if (wanted == "plain") return &tiles::plain;
  if (wanted == "0") return nullptr;
  throw std::invalid_argument("GIBBOUS_AMX='" + wanted +
                              "': set it to 0 to do without the matrix unit, to 'plain' to have "
                              "plain C++ in its place (slow, for tests), or unset it");
}

void bind_tiles(py::module_& m) {
  m.def(
      "has_matrix_unit", [] { return tiles::unit() != nullptr; },
      "Whether this build, the processor and the system have AMX.");
  m.def(
      "uses_matrix_unit", [] { return tile_product() != nullptr; },
      "Whether Boltzmann machines use it, or plain C++ in its place: GIBBOUS_AMX.");
}

}  // namespace gibbous::bind
