// SPDX-License-Identifier: Apache-2.0
// The highest x86-64 level that the processor runs, or "base". Compiled for the baseline: into the
// module that picks an extension, and into the program by which a build finds its default level.
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
