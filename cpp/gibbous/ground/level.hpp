// SPDX-License-Identifier: Apache-2.0
// The highest x86-64 level that the processor supports, or "base". Compiled for the baseline,
// because it runs in the module that selects an extension and in the program that determines the
// default level of a build.
#pragma once

namespace gibbous {

inline const char* processor_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return "v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "v3";
  if (__builtin_cpu_supports("x86-64-v2")) return "v2";
#endif
  return "base";
}

}  // namespace gibbous
