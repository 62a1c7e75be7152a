// SPDX-License-Identifier: Apache-2.0
// Short vectors that compile to one register at every instruction-set level, and elementary
// functions on them. Uses the vector extension of GCC and Clang: plain operators, no intrinsics,
// the same source for SSE, AVX2, AVX-512 and NEON. Eigen's fixed-size arrays would be as readable,
// but GCC 12 keeps arrays of them in memory across a loop, which costs the kernels two thirds of
// their speed.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#include "gibbous/ground/types.hpp"

namespace gibbous {

#define GIBBOUS_INLINE inline __attribute__((always_inline))
#define GIBBOUS_UNROLL _Pragma("GCC unroll 32")

#if defined(GIBBOUS_VECTOR_BYTES)  // tests force a vector width that the processor lacks
inline constexpr int kVectorBytes = GIBBOUS_VECTOR_BYTES;
#elif defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

// The number of registers sets the shape of the register tiles: 32 with AVX-512 and on Arm, else
// 16.
#if defined(GIBBOUS_VECTOR_REGISTERS)  // tests force the other tile shape
inline constexpr int kVectorRegisters = GIBBOUS_VECTOR_REGISTERS;
#elif defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kVectorRegisters = 32;
#else
inline constexpr int kVectorRegisters = 16;
#endif

template <class T, int Bytes = kVectorBytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(Bytes)));
};
template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// The integer vector with lanes of the same width as T.
template <class T>
using Bits =
    typename VectorOf<std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>>::type;

template <class T>
GIBBOUS_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
GIBBOUS_INLINE void store(T* p, const Vec<T>& v) {
  std::memcpy(p, &v, sizeof v);
}
template <class T>
GIBBOUS_INLINE Vec<T> splat(T x) {
  return x - Vec<T>{};
}
template <class V>
GIBBOUS_INLINE V vmax(V a, V b) {
  return a > b ? a : b;
}
// Sum of the lanes, in lane order.
template <class T>
GIBBOUS_INLINE T lane_sum(const Vec<T>& v) {
  T s = v[0];
  GIBBOUS_UNROLL
  for (int i = 1; i < kLanes<T>; ++i) s += v[i];
  return s;
}

// out[i] += the sum of the lanes of v[i]: four sums for little more than the cost of one.
template <class T>
GIBBOUS_INLINE void add_lane_sums(const Vec<T> (&v)[4], T* out) {
  typename VectorOf<T, 16>::type h[4];  // after halving: 4 floats or 2 doubles
  GIBBOUS_UNROLL
  for (int i = 0; i < 4; ++i) {
    if constexpr (kLanes<T> == 16) {
      const auto half = __builtin_shufflevector(v[i], v[i], 0, 1, 2, 3, 4, 5, 6, 7) +
                        __builtin_shufflevector(v[i], v[i], 8, 9, 10, 11, 12, 13, 14, 15);
      h[i] = __builtin_shufflevector(half, half, 0, 1, 2, 3) +
             __builtin_shufflevector(half, half, 4, 5, 6, 7);
    } else if constexpr (kLanes<T> == 8 && sizeof(T) == 8) {
      const auto half = __builtin_shufflevector(v[i], v[i], 0, 1, 2, 3) +
                        __builtin_shufflevector(v[i], v[i], 4, 5, 6, 7);
      h[i] = __builtin_shufflevector(half, half, 0, 1) + __builtin_shufflevector(half, half, 2, 3);
    } else if constexpr (kLanes<T> == 8) {
      h[i] = __builtin_shufflevector(v[i], v[i], 0, 1, 2, 3) +
             __builtin_shufflevector(v[i], v[i], 4, 5, 6, 7);
    } else if constexpr (kLanes<T> == 4 && sizeof(T) == 8) {
      h[i] = __builtin_shufflevector(v[i], v[i], 0, 1) + __builtin_shufflevector(v[i], v[i], 2, 3);
    } else {
      h[i] = v[i];
    }
  }
  if constexpr (sizeof(T) == 4) {
    const auto a = __builtin_shufflevector(h[0], h[1], 0, 4, 1, 5) +
                   __builtin_shufflevector(h[0], h[1], 2, 6, 3, 7);
    const auto b = __builtin_shufflevector(h[2], h[3], 0, 4, 1, 5) +
                   __builtin_shufflevector(h[2], h[3], 2, 6, 3, 7);
    const auto sums =
        __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
    GIBBOUS_UNROLL
    for (int i = 0; i < 4; ++i) out[i] += sums[i];
  } else {
    GIBBOUS_UNROLL
    for (int i = 0; i < 4; ++i) out[i] += h[i][0] + h[i][1];
  }
}

// Products of the low 32 bits of each lane, 64 bits wide: one instruction, which compilers do not
// emit for the plain operator.
GIBBOUS_INLINE Vec<std::uint64_t> mul_low_halves(Vec<std::uint64_t> a, Vec<std::uint64_t> b) {
#if defined(__AVX512F__) && !defined(GIBBOUS_VECTOR_BYTES)
  return reinterpret_cast<Vec<std::uint64_t>>(
      _mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__) && !defined(GIBBOUS_VECTOR_BYTES)
  return reinterpret_cast<Vec<std::uint64_t>>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__) && !defined(__AVX__) && !defined(GIBBOUS_VECTOR_BYTES)
  return reinterpret_cast<Vec<std::uint64_t>>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  constexpr std::uint64_t low = 0xFFFFFFFFu;
  return (a & low) * (b & low);
#endif
}

namespace detail {
// Plain C++ versions of the intrinsics below; tests compare the two.
template <class T>
GIBBOUS_INLINE Vec<T> gather_plain(const T* base, Vec<std::int32_t> index) {
  Vec<T> v{};
  GIBBOUS_UNROLL
  for (int i = 0; i < kLanes<T>; ++i) v[i] = base[index[i]];
  return v;
}
GIBBOUS_INLINE Vec<std::int32_t> load_wide_plain(const std::uint16_t* p) {
  VectorOf<std::uint16_t, kVectorBytes / 2>::type v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, Vec<std::int32_t>);
}
GIBBOUS_INLINE std::uint32_t lane_mask_plain(Vec<std::int32_t> test) {
  std::uint32_t mask = 0;
  GIBBOUS_UNROLL
  for (int i = 0; i < kLanes<std::int32_t>; ++i) mask |= (test[i] < 0 ? 1u : 0u) << i;
  return mask;
}
}  // namespace detail

// base[index] in every lane, for 32-bit numbers. GCC does not turn plain loops into gathers.
template <class T>
GIBBOUS_INLINE Vec<T> gather(const T* base, Vec<std::int32_t> index) {
  static_assert(sizeof(T) == 4);
#if defined(GIBBOUS_VECTOR_BYTES)
  return detail::gather_plain(base, index);
#elif defined(__AVX512F__)
  const auto i = reinterpret_cast<__m512i>(index);
  return reinterpret_cast<Vec<T>>(_mm512_i32gather_epi32(i, base, 4));
#elif defined(__AVX2__)
  const auto i = reinterpret_cast<__m256i>(index);
  return reinterpret_cast<Vec<T>>(_mm256_i32gather_epi32(reinterpret_cast<const int*>(base), i, 4));
#else
  return detail::gather_plain(base, index);
#endif
}

// 16-bit numbers, one per 32-bit lane: a single instruction that GCC does not emit by itself.
GIBBOUS_INLINE Vec<std::int32_t> load_wide(const std::uint16_t* p) {
#if defined(GIBBOUS_VECTOR_BYTES)
  return detail::load_wide_plain(p);
#elif defined(__AVX512F__)
  return reinterpret_cast<Vec<std::int32_t>>(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<Vec<std::int32_t>>(
      _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
  return detail::load_wide_plain(p);
#endif
}

// Bit i is set if lane i of a comparison is true (if its sign bit is set).
GIBBOUS_INLINE std::uint32_t lane_mask(Vec<std::int32_t> test) {
#if defined(GIBBOUS_VECTOR_BYTES)
  return detail::lane_mask_plain(test);
#elif defined(__AVX512F__)
  return _mm512_cmplt_epi32_mask(reinterpret_cast<__m512i>(test), _mm512_setzero_si512());
#elif defined(__AVX2__)
  return static_cast<std::uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(test)));
#elif defined(__SSE2__)
  return static_cast<std::uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(test)));
#else
  return detail::lane_mask_plain(test);
#endif
}

// Vectors of numbers aligned to a cache line: no vector load crosses a line, which makes the tiles
// a third faster.
template <class T>
struct CacheAligned {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  CacheAligned() = default;
  template <class U>
  CacheAligned(const CacheAligned<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
  friend bool operator==(const CacheAligned&, const CacheAligned&) { return true; }
  friend bool operator!=(const CacheAligned&, const CacheAligned&) { return false; }
};
template <class T>
using Buffer = std::vector<T, CacheAligned<T>>;

namespace detail {

template <class T>
struct Elementary;

template <>
struct Elementary<double> {
  static constexpr double round_magic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double log2e = 1.4426950408889634074;
  static constexpr double ln2_hi = 6.93147180369123816490e-01;  // 32 significant bits
  static constexpr double ln2_lo = 1.90821492927058770002e-10;
  static constexpr double exp_floor = -708.0;  // exp is 0 below: no denormals, exact skips
  static constexpr std::int64_t bias = 1023;
  static constexpr int mantissa = 52;
  static constexpr std::int64_t sqrt_half = 0x3FE6A09E667F3BCD;
  // (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2, Chebyshev fit, relative error of exp 1.3e-17.
  static constexpr double exp_poly[] = {0.50000000000000010221,     0.16666666666666667453,
                                        0.041666666666624127873,    0.0083333333333300618325,
                                        0.0013888888917213716901,   0.00019841269863053616878,
                                        0.000024801521295954375131, 2.7557268459997064772e-6,
                                        2.7620088445409748161e-7,   2.5100385495510319078e-8};
  // (2 atanh(s) - 2 s) / s^3 as a polynomial in s^2, |s| <= (sqrt 2 - 1) / (sqrt 2 + 1).
  static constexpr double log_poly[] = {0.66666666666666696883, 0.39999999999899443233,
                                        0.28571428626003268742, 0.22222211130259877029,
                                        0.18182889455674946039, 0.15331710618210771568,
                                        0.14616585424888621989};
};

template <>
struct Elementary<float> {
  static constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23
  static constexpr float log2e = 1.44269504f;
  static constexpr float ln2_hi = 0.693359375f;
  static constexpr float ln2_lo = -2.12194440e-4f;
  static constexpr float exp_floor = -87.0f;
  static constexpr std::int32_t bias = 127;
  static constexpr int mantissa = 23;
  static constexpr std::int32_t sqrt_half = 0x3F3504F3;
  static constexpr float exp_poly[] = {0.5f, 0.16666576989f, 0.041666554617f, 0.0083631790527f,
                                       0.0013926183587f};
  static constexpr float log_poly[] = {0.66666666554f, 0.40000121876f, 0.28550816599f,
                                       0.23330581938f};
};

template <class V, class T, std::size_t N>
GIBBOUS_INLINE V horner(V x, const T (&c)[N]) {
  V p = c[N - 1] - V{};
  GIBBOUS_UNROLL
  for (int i = static_cast<int>(N) - 2; i >= 0; --i) p = p * x + c[i];
  return p;
}

}  // namespace detail

// exp with an error of about 1 ulp; exactly 0 below -708 (float: -87) and for -inf, so that a
// responsibility is either a normal number or 0. Arguments must not be NaN or above 709 (88).
template <class T>
GIBBOUS_INLINE Vec<T> vexp(Vec<T> x) {
  using E = detail::Elementary<T>;
  const Vec<T> floor = splat<T>(E::exp_floor);
  const Bits<T> alive = x >= floor;
  x = vmax(x, floor);
  const Vec<T> t = x * E::log2e + E::round_magic;
  const Vec<T> n = t - E::round_magic;
  Vec<T> r = x - n * E::ln2_hi;
  r = r - n * E::ln2_lo;
  const Vec<T> p = r + r * r * detail::horner(r, E::exp_poly);
  // the low bits of t hold n; shift it into the exponent to get 2^n
  const Bits<T> scale = (reinterpret_cast<Bits<T>>(t) + E::bias) << E::mantissa;
  const Vec<T> s = reinterpret_cast<Vec<T>>(scale);
  const Vec<T> e = p * s + s;
  return reinterpret_cast<Vec<T>>(reinterpret_cast<Bits<T>>(e) & alive);
}

// Natural logarithm of positive normal numbers, about 1 ulp.
template <class T>
GIBBOUS_INLINE Vec<T> vlog(Vec<T> x) {
  using E = detail::Elementary<T>;
  const Bits<T> bits = reinterpret_cast<Bits<T>>(x);
  const Bits<T> shifted = (bits - E::sqrt_half) >> E::mantissa;  // exponent, mantissa in [r/2, 2r)
  const Vec<T> m = reinterpret_cast<Vec<T>>(bits - (shifted << E::mantissa));
  const Vec<T> e = __builtin_convertvector(shifted, Vec<T>);
  const Vec<T> f = m - T(1);
  const Vec<T> s = f / (m + T(1));
  const Vec<T> z = s * s;
  // log m = 2 s + s^3 Q(z); writing 2 s = f - f s separates the small part from the exact f
  const Vec<T> tail = s * (z * detail::horner(z, E::log_poly) - f);
  return e * E::ln2_hi + (f + (tail + e * E::ln2_lo));
}

}  // namespace gibbous
