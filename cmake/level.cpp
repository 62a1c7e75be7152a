// SPDX-License-Identifier: Apache-2.0
// Prints the level of the processor that a build runs on.
#include "gibbous/ground/level.hpp"

#include <cstdio>

int main() { return std::puts(gibbous::processor_level()) < 0; }
