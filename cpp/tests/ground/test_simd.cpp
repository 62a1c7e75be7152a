// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <vector>

#include "gibbous/ground/simd.hpp"
#include "tests/check.hpp"

using namespace gibbous;

namespace {

template <class T>
const char* type_name() {
  return sizeof(T) == 8 ? "double" : "float";
}

// Runs f over x, a vector at a time.
template <class T, class F>
std::vector<T> over(const std::vector<T>& x, F f) {
  constexpr std::size_t L = kLanes<T>;
  std::vector<T> padded(x), y;
  padded.resize((x.size() + L - 1) / L * L, T(1));
  y.resize(padded.size());
  for (std::size_t i = 0; i < padded.size(); i += L) store(&y[i], f(load(&padded[i])));
  y.resize(x.size());
  return y;
}

template <class T>
double ulps(T got, long double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  const long double ulp = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
  return static_cast<double>(std::abs((static_cast<long double>(got) - exact) / ulp));
}

// n numbers that cover [low, high] and are dense around zero.
template <class T>
std::vector<T> arguments(T low, T high, int n) {
  std::mt19937_64 engine(11);
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<T> x{low, high, T(0)};
  for (int i = 0; i < n; ++i) {
    const double wide = double(low) + unit(engine) * (double(high) - double(low));
    x.push_back(static_cast<T>(wide));
    x.push_back(static_cast<T>(wide * std::exp2(-40 * unit(engine))));
    // next to the boundaries of the range reduction, (m + 1/2) ln 2
    const double m = std::floor(wide / 0.6931471805599453);
    const double border = (m + 0.5) * 0.6931471805599453 + 1e-3 * (unit(engine) - 0.5);
    if (border > double(low) && border < double(high)) x.push_back(static_cast<T>(border));
  }
  return x;
}

template <class T>
void exponential() {
  const T floor = detail::Elementary<T>::exp_floor;
  const T top = sizeof(T) == 8 ? T(709) : T(88);
  const auto x = arguments<T>(floor, top, 200000);
  const auto y = over<T>(x, [](Vec<T> v) { return vexp<T>(v); });
  double worst = 0;
  T at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = ulps(y[i], std::exp(static_cast<long double>(x[i])));
    if (!(u <= worst)) worst = u, at = x[i];
  }
  CHECK(worst <= 1.5, type_name<T>() << " exp(" << at << ") is off by " << worst << " ulp");
  std::cout << GIBBOUS_TEST_NAME << ": " << type_name<T>() << " exp " << worst << " ulp\n";

  const T inf = std::numeric_limits<T>::infinity();
  const std::vector<T> low{-inf, std::numeric_limits<T>::lowest(), floor * 2,
                           std::nextafter(floor, -inf)};
  for (T zero : over<T>(low, [](Vec<T> v) { return vexp<T>(v); }))
    CHECK(zero == 0 && !std::signbit(zero), "below the floor: " << zero);
  const auto exact = over<T>({T(0), floor}, [](Vec<T> v) { return vexp<T>(v); });
  CHECK(exact[0] == 1, "exp(0) is " << exact[0]);
  CHECK(std::isnormal(exact[1]), "exp at the floor is not normal: " << exact[1]);
}

template <class T>
void logarithm() {
  std::mt19937_64 engine(12);
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<T> x{std::numeric_limits<T>::min(), std::numeric_limits<T>::max(),
                   std::nextafter(T(1), T(0)),    std::nextafter(T(1), T(2)),
                   T(0.7071067811865475),         T(1.4142135623730951)};
  const int lowest = std::numeric_limits<T>::min_exponent,
            highest = std::numeric_limits<T>::max_exponent;
  for (int i = 0; i < 200000; ++i) {
    const int exponent = lowest + static_cast<int>(unit(engine) * (highest - lowest));
    x.push_back(static_cast<T>(std::ldexp(0.5 + unit(engine) / 2, exponent)));
    x.push_back(static_cast<T>(0.5 + 1.5 * unit(engine)));
    x.push_back(static_cast<T>(1 + (unit(engine) - 0.5) * std::exp2(-20 * unit(engine))));
  }
  const auto y = over<T>(x, [](Vec<T> v) { return vlog<T>(v); });
  double worst = 0;
  T at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 1) {
      CHECK(y[i] == 0, "log(1) is " << y[i]);
      continue;
    }
    const double u = ulps(y[i], std::log(static_cast<long double>(x[i])));
    if (!(u <= worst)) worst = u, at = x[i];
  }
  CHECK(worst <= 1.5, type_name<T>() << " log(" << at << ") is off by " << worst << " ulp");
  std::cout << GIBBOUS_TEST_NAME << ": " << type_name<T>() << " log " << worst << " ulp\n";
  const auto one = over<T>({T(1)}, [](Vec<T> v) { return vlog<T>(v); });
  CHECK(one[0] == 0, "log(1) is " << one[0]);
}

template <class T>
void lanes() {
  constexpr int L = kLanes<T>;
  CHECK(L * int(sizeof(T)) == kVectorBytes && sizeof(Vec<T>) == kVectorBytes, "lanes " << L);
  std::vector<T> x(L + 1);
  for (int i = 0; i <= L; ++i) x[i] = T(i * i);
  const Vec<T> v = load(x.data() + 1);  // not aligned
  T sum = 0;
  for (int i = 0; i < L; ++i) {
    CHECK(v[i] == T((i + 1) * (i + 1)), "lane " << i);
    CHECK(vmax(v, splat(T(5)))[i] == std::max(v[i], T(5)), "vmax in lane " << i);
    CHECK(splat(T(-2.5))[i] == T(-2.5), "splat in lane " << i);
    sum += v[i];
  }
  CHECK(lane_sum<T>(v) == sum, "lane_sum " << lane_sum<T>(v) << ", not " << sum);
  const Vec<T> four[4] = {v, v + T(1), v - v, v * T(2)};
  T sums[5] = {T(1), T(0), T(0), T(-3), T(7)};
  add_lane_sums<T>(four, sums);
  const T want[5] = {sum + 1, sum + T(L), 0, 2 * sum - 3, 7};
  for (int i = 0; i < 5; ++i) CHECK(sums[i] == want[i], "add_lane_sums " << sums[i] << " at " << i);
}

// gather, load_wide and lane_mask compared with their plain versions and with the definition.
template <class T>
void gathers() {
  constexpr int L = kLanes<T>;
  std::mt19937_64 engine(13);
  std::vector<T> base(70000);
  for (std::size_t i = 0; i < base.size(); ++i) base[i] = static_cast<T>(7 * i + 3);
  std::vector<std::uint16_t> halves(1000 + L);
  for (auto& half : halves) half = static_cast<std::uint16_t>(engine());
  for (int round = 0; round < 200; ++round) {
    Vec<std::int32_t> index{}, test{};
    std::uint32_t bits = 0;
    for (int i = 0; i < L; ++i) {
      index[i] = static_cast<std::int32_t>(engine() % base.size());
      test[i] = engine() % 2 ? -1 : 0;
      bits |= (test[i] ? 1u : 0u) << i;
    }
    index[round % L] = round % 3 ? 0 : static_cast<std::int32_t>(base.size() - 1);
    const Vec<T> got = gather(base.data(), index), plain = detail::gather_plain(base.data(), index);
    for (int i = 0; i < L; ++i)
      CHECK(got[i] == base[index[i]] && plain[i] == got[i],
            "gather " << got[i] << " in lane " << i);
    const std::uint16_t* wide = halves.data() + engine() % 1000;
    const Vec<std::int32_t> loaded = load_wide(wide), plainly = detail::load_wide_plain(wide);
    for (int i = 0; i < L; ++i)
      CHECK(loaded[i] == wide[i] && plainly[i] == wide[i], "load_wide " << loaded[i]);
    CHECK(lane_mask(test) == bits, "lane_mask " << lane_mask(test) << ", not " << bits);
    CHECK(detail::lane_mask_plain(test) == bits, "lane_mask_plain");
  }
}

}  // namespace

int main() {
  return check::run([] {
    lanes<float>();
    lanes<double>();
    gathers<float>();
    gathers<std::int32_t>();
    exponential<float>();
    exponential<double>();
    logarithm<float>();
    logarithm<double>();
  });
}
