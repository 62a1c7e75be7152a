// SPDX-License-Identifier: Apache-2.0
// A minimal test harness. A failed check prints what was compared and the program continues; run()
// converts the count to the exit status, and a program without any check fails.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <random>
#include <sstream>

namespace check {

inline long made = 0;
inline long failed = 0;

inline void that(bool ok, const char* file, int line, const std::string& what) {
  ++made;
  if (ok) return;
  if (++failed <= 20) std::cerr << file << ':' << line << ": " << what << '\n';
}

// Small integers: their sums and products are exact in every order, so that results can be compared
// with ==, regardless of which operations the compiler fuses.
class Integers {
 public:
  explicit Integers(std::uint64_t seed) : engine_(seed) {}
  int operator()(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(engine_);
  }

 private:
  std::mt19937_64 engine_;
};

// Real numbers, the same on every machine.
class Uniforms {
 public:
  explicit Uniforms(std::uint64_t seed) : engine_(seed) {}
  double operator()(double low, double high) {
    return low + (high - low) * (static_cast<double>(engine_() >> 11) * 0x1p-53);
  }

 private:
  std::mt19937_64 engine_;
};

inline bool processor_runs(const char* level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!std::strcmp(level, "v2")) return __builtin_cpu_supports("x86-64-v2");
  if (!std::strcmp(level, "v3")) return __builtin_cpu_supports("x86-64-v3");
  if (!std::strcmp(level, "v4")) return __builtin_cpu_supports("x86-64-v4");
#endif
  return !std::strcmp(level, "base");
}

template <class Body>
int run(Body&& body) {
  if (!processor_runs(GIBBOUS_TEST_LEVEL)) {
    std::cout << GIBBOUS_TEST_NAME << ": skipped, this processor lacks x86-64-" GIBBOUS_TEST_LEVEL
              << '\n';
    return 77;
  }
  body();
  std::cout << GIBBOUS_TEST_NAME << ": " << made << " checks, " << failed << " failed\n";
  return made > 0 && failed == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(ok, message)                                        \
  do {                                                            \
    const bool ok_ = static_cast<bool>(ok);                       \
    std::ostringstream text_;                                     \
    if (!ok_) text_ << #ok << ": " << message;                    \
    check::that(ok_, __FILE__, __LINE__, ok_ ? "" : text_.str()); \
  } while (false)
