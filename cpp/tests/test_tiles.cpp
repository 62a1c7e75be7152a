// SPDX-License-Identifier: Apache-2.0
// The register tiles against plain loops. All numbers are small integers, so that both must agree
// exactly; arrays have no slack, so that the address sanitizer sees a step outside.
#include <type_traits>
#include <vector>

#include "check.hpp"
#include "gibbous/tiles.hpp"

using namespace gibbous;

namespace {

template <class T>
std::vector<T> integers(Index n, check::Integers& draw) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (T& v : x) v = static_cast<T>(draw(-8, 8));
  return x;
}

template <class T>
void groups(check::Integers& draw) {
  constexpr Index rows = Group<T>::rows;
  for (Index d : {1, 2, 3, 7, 8, 17, 64})
    for (Index count = 1; count <= rows; ++count)
      for (bool shifted : {false, true}) {
        const auto x = integers<T>(count * d, draw);
        const auto shift = integers<T>(d, draw);
        std::vector<T> xt(static_cast<std::size_t>(d * rows), T(99));
        load_group(x.data(), count, d, shifted ? shift.data() : nullptr, xt.data());
        bool equal = true;
        for (Index a = 0; a < d; ++a)
          for (Index i = 0; i < rows; ++i) {
            const T expected = i < count ? x[i * d + a] - (shifted ? shift[a] : T(0)) : T(0);
            equal &= xt[a * rows + i] == expected;
          }
        CHECK(equal, "load_group of " << count << " rows, d = " << d << ", shifted " << shifted);
      }
}

template <class T, int R>
void linear(check::Integers& draw) {
  constexpr Index rows = Group<T>::rows;
  constexpr int L = Group<T>::lanes;
  for (Index d : {0, 1, 2, 3, 5, 8, 31}) {
    const auto init = integers<T>(R, draw);
    const auto coef = integers<T>(d * R, draw);
    const auto xt = integers<T>(d * rows, draw);
    Vec<T> acc[R][3];
    linear_panel<T, R>(init.data(), coef.data(), d, xt.data(), acc);
    bool equal = true;
    for (int r = 0; r < R; ++r)
      for (Index i = 0; i < rows; ++i) {
        T expected = init[r];
        for (Index a = 0; a < d; ++a) expected += coef[a * R + r] * xt[a * rows + i];
        equal &= acc[r][i / L][i % L] == expected;
      }
    CHECK(equal, "linear_panel with R = " << R << ", d = " << d);
  }
}

// Packs panel [full, full + R) of the lower triangular matrix m (d by d) and runs it.
template <class T, int R>
void run_panel(const std::vector<T>& m, Index d, Index full, const T* z, Vec<T> (&q)[3]) {
  std::vector<T> coef(static_cast<std::size_t>((full + R) * R));
  for (Index b = 0; b < full + R; ++b)
    for (Index r = 0; r < R; ++r) coef[b * R + r] = b <= full + r ? m[(full + r) * d + b] : T(0);
  const T* next = triangle_panel<T, R>(coef.data(), full, z, q);
  CHECK(next == coef.data() + coef.size(), "triangle_panel: the next panel is elsewhere");
}

template <class T>
void triangles(check::Integers& draw) {
  constexpr Index rows = Group<T>::rows;
  constexpr int L = Group<T>::lanes;
  constexpr int R = Group<T>::outputs;
  for (Index d = 1; d <= 20; ++d) {
    std::vector<T> m = integers<T>(d * d, draw);
    for (T& v : m) v = v > 3 ? T(3) : v < -3 ? T(-3) : v;  // squares stay exact in float
    const auto z = integers<T>(d * rows, draw);
    Vec<T> q[3] = {};
    Index full = 0;
    for (; full + R <= d; full += R) run_panel<T, R>(m, d, full, z.data(), q);
    for (; full + 2 <= d; full += 2) run_panel<T, 2>(m, d, full, z.data(), q);
    for (; full < d; ++full) run_panel<T, 1>(m, d, full, z.data(), q);
    bool equal = true;
    for (Index i = 0; i < rows; ++i) {
      T expected = 0;
      for (Index r = 0; r < d; ++r) {
        T y = 0;
        for (Index b = 0; b <= r; ++b) y += m[r * d + b] * z[b * rows + i];
        expected += y * y;
      }
      equal &= q[i / L][i % L] == expected;
    }
    CHECK(equal, "triangle_panel, d = " << d);
  }
}

// Lane l of entry (a, b) has to hold the sum over the rows i with i % lanes == l.
template <class T>
void dots(check::Integers& draw) {
  constexpr Index L = kLanes<T>;
  for (Index d = 1; d <= 23; ++d)
    for (Index rows : {L, 3 * L, 8 * L})
      for (Index gap : {Index{0}, L}) {
        const Index stride = rows + gap;
        const auto w = integers<T>(d * stride, draw), z = integers<T>(d * stride, draw);
        auto s = integers<double>(d * (d + 1) / 2 * L, draw);
        auto expected = s;
        for (Index a = 0; a < d; ++a)
          for (Index b = 0; b <= a; ++b)
            for (Index i = 0; i < rows; ++i)
              expected[(a * (a + 1) / 2 + b) * L + i % L] +=
                  double(w[a * stride + i]) * double(z[b * stride + i]);
        dot_triangle(w.data(), z.data(), stride, rows, d, s.data());
        CHECK(s == expected, "dot_triangle, d = " << d << ", rows = " << rows);
      }
}

template <class T>
void outers(check::Integers& draw) {
  constexpr Index L = kLanes<T>;
  for (Index d : {1, 2, 5, 8, 9, 15, 16, 24, 31, 47, 64})
    for (Index rows : {1, 2, 5, 16})
      for (Index begin = 0; begin < d; begin += 8)
        for (Index end : {std::min(begin + 8, d), d}) {
          const Index panels = (d + L - 1) / L, capacity = rows + 2, width = panels * L;
          const auto y = integers<T>(panels * capacity * L, draw);
          const auto before = integers<double>(d * width, draw);
          auto c = before;
          outer_triangle(y.data(), capacity, rows, begin, end, c.data(), width);
          const auto at = [&](Index i, Index a) {
            return double(y[a / L * capacity * L + i * L + a % L]);
          };
          bool equal = true, others = true;
          for (Index a = 0; a < d; ++a)
            for (Index b = 0; b < width; ++b) {
              double expected = before[a * width + b];
              const bool inside = a >= begin && a < end;
              if (inside && b <= a)
                for (Index i = 0; i < rows; ++i) expected += at(i, a) * at(i, b);
              if (inside && b <= a) equal &= c[a * width + b] == expected;
              if (!inside) others &= c[a * width + b] == expected;
            }
          CHECK(equal, "outer_triangle, d = " << d << ", rows = " << rows << ", [" << begin << ", "
                                              << end << ")");
          CHECK(others, "outer_triangle wrote to rows outside [" << begin << ", " << end << ")");
        }
}

template <class T>
void all() {
  check::Integers draw(5);
  groups<T>(draw);
  linear<T, 1>(draw);
  linear<T, 2>(draw);
  linear<T, 3>(draw);
  linear<T, 4>(draw);
  linear<T, Group<T>::outputs>(draw);
  triangles<T>(draw);
  dots<T>(draw);
  outers<T>(draw);
}

}  // namespace

int main() {
  return check::run([] {
    all<float>();
    all<double>();
  });
}
