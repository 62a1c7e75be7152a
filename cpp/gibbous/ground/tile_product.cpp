// SPDX-License-Identifier: Apache-2.0
// The only file compiled with the instructions of the matrix unit, without Eigen and only in the
// AVX-512 core (see CMakeLists.txt), so that no other processor executes them.
#include "gibbous/ground/tile_product.hpp"

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__linux__)
#define GIBBOUS_AMX 1
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gibbous::tiles {
namespace {

float number_of(std::uint32_t upper) {
  float x;
  std::memcpy(&x, &upper, sizeof x);
  return x;
}

float pair_product(std::uint32_t a, std::uint32_t b) {
  return number_of(a << 16) * number_of(b << 16) +
         number_of(a & 0xFFFF0000u) * number_of(b & 0xFFFF0000u);
}

}  // namespace

void plain(const std::uint32_t* a, Index stride, Index rows, Index depth, const std::uint32_t* b,
           float* acc) {
  for (Index r = 0; r < rows; ++r)
    for (Index i = 0; i < depth; ++i) {
      const std::uint32_t left = a[place(stride, r, i)];
      if (!left) continue;
      for (Index j = 0; j < 32; ++j) acc[r * 32 + j] += pair_product(left, b[i * 32 + j]);
    }
}

#if defined(GIBBOUS_AMX)

namespace {

// Palette 1: eight tiles of 16 rows of 64 bytes.
struct alignas(64) Configuration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(Configuration) == 64);

constexpr Index kRowBytes = 32 * 4;   // stride in bytes of b and acc
constexpr Index kTileBytes = 16 * 4;  // stride in bytes of a row of a tile of a

// Two by two tiles of acc, or only the upper two if there are 16 rows: four loads feed four
// products, which is as much as the L2 cache delivers.
template <bool Two>
void block(const std::uint32_t* a, Index stride, Index depth, const std::uint32_t* b, float* acc) {
  float* below = acc + 16 * 32;
  _tile_loadd(0, acc, kRowBytes);
  _tile_loadd(1, acc + 16, kRowBytes);
  if constexpr (Two) {
    _tile_loadd(2, below, kRowBytes);
    _tile_loadd(3, below + 16, kRowBytes);
  }
  for (Index i = 0; i < depth; i += kTileRows, a += kTileWords, b += kTileRows * 32) {
    _tile_loadd(6, b, kRowBytes);
    _tile_stream_loadd(4, a, kTileBytes);  // streamed: only b is reused by the next rows
    _tile_loadd(7, b + 16, kRowBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (Two) {
      _tile_stream_loadd(5, a + 16 * stride, kTileBytes);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, acc, kRowBytes);
  _tile_stored(1, acc + 16, kRowBytes);
  if constexpr (Two) {
    _tile_stored(2, below, kRowBytes);
    _tile_stored(3, below + 16, kRowBytes);
  }
}

// The configuration is per thread and released afterwards: for a thread with tiles in use, the
// system saves 8 KB per context switch.
void on_unit(const std::uint32_t* a, Index stride, Index rows, Index depth, const std::uint32_t* b,
             float* acc) {
  const Configuration configuration;
  // GCC 12 assumes that only eight bytes of the configuration are read, and that loads read nothing
  asm volatile("" ::"r"(&configuration) : "memory");
  _tile_loadconfig(&configuration);
  Index r = 0;
  for (; r + 16 < rows; r += 32) block<true>(a + r * stride, stride, depth, b, acc + r * 32);
  if (r < rows) block<false>(a + r * stride, stride, depth, b, acc + r * 32);
  _tile_release();
  asm volatile("" ::: "memory");
}

bool granted() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned bf16 = 1u << 22, tile = 1u << 24;
  if ((d & bf16) == 0 || (d & tile) == 0) return false;
  constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
}

}  // namespace

// The system is asked once; permission applies to all threads of the process.
TileProduct unit() {
  static const bool here = granted();
  return here ? &on_unit : nullptr;
}

#else

TileProduct unit() { return nullptr; }

#endif

}  // namespace gibbous::tiles
