// SPDX-License-Identifier: Apache-2.0
#include "bind/bind.hpp"
namespace gibbous::bind {
void bind_kmeans(py::module_&) {}
}  // namespace gibbous::bind
