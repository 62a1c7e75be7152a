// SPDX-License-Identifier: Apache-2.0
// The register tiles compared with plain loops. All numbers are small integers, so that results
// must agree exactly; arrays have no slack, so that the address sanitizer detects access past the
// end.
#include <type_traits>
#include <vector>

#include "gibbous/ground/tiles.hpp"
#include "tests/check.hpp"

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

// Offsets and the lower triangular matrix m (d by d) in the order in which the panels read them.
template <class T>
std::vector<T> panels(const std::vector<T>& offset, const std::vector<T>& m, Index d) {
  constexpr Index outputs = Group<T>::outputs;
  std::vector<T> coef;
  for (Index a = 0; a < d; a += outputs) {
    const Index r = std::min(outputs, d - a);
    coef.insert(coef.end(), offset.begin() + a, offset.begin() + a + r);
    for (Index b = 0; b < a + r; ++b)
      for (Index i = a; i < a + r; ++i) coef.push_back(b <= i ? m[i * d + b] : T(0));
  }
  return coef;
}

template <class T>
void triangles(check::Integers& draw) {
  constexpr Index rows = Group<T>::rows;
  constexpr int L = Group<T>::lanes;
  for (Index d = 1; d <= 24; ++d) {
    const auto offset = integers<T>(d, draw), m = integers<T>(d * d, draw);
    const auto z = integers<T>(d * rows, draw), coef = panels(offset, m, d);
    Index next = 0;
    bool equal = true;
    triangle_panels(coef.data(), d, z.data(), [&](const auto& y, Index first) {
      CHECK(first == next, "triangle_panels went from output " << next << " to " << first);
      for (const auto& output : y) {
        for (Index i = 0; i < rows; ++i) {
          T expected = offset[next];
          for (Index b = 0; b <= next; ++b) expected += m[next * d + b] * z[b * rows + i];
          equal &= output[i / L][i % L] == expected;
        }
        ++next;
      }
      return true;
    });
    CHECK(next == d, "triangle_panels gave " << next << " outputs of " << d);
    CHECK(equal, "triangle_panels, d = " << d);
  }
}

// Lane l of entry (a, b) must hold the sum over the rows i with i % lanes == l of the listed
// groups.
template <class T>
void dots(check::Integers& draw) {
  constexpr Index L = kLanes<T>, rows = Group<T>::rows;
  for (Index d = 1; d <= 40; ++d)
    for (const std::vector<Index>& at : {std::vector<Index>{0}, {2, 0, 3}}) {
      const Index groups = static_cast<Index>(at.size());
      const auto w = integers<T>(groups * d * rows, draw), z = integers<T>(4 * d * rows, draw);
      auto s = integers<double>(d * (d + 1) / 2 * L, draw);
      auto expected = s;
      for (Index j = 0; j < groups; ++j)
        for (Index a = 0; a < d; ++a)
          for (Index b = 0; b <= a; ++b)
            for (Index i = 0; i < rows; ++i)
              expected[(a * (a + 1) / 2 + b) * L + i % L] +=
                  double(w[(j * d + a) * rows + i]) * double(z[(at[j] * d + b) * rows + i]);
      dot_triangle(w.data(), z.data(), at.data(), groups, d, s.data());
      CHECK(s == expected, "dot_triangle, d = " << d << ", groups = " << groups);
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
void groups_of_outers(check::Integers& draw) {
  constexpr Index L = kLanes<T>, rows = Group<T>::rows;
  for (Index k : {1, 2, 3, 4, 7, 8, 9, 17})
    for (Index vectors : {1, 2, 3, 4, 5, 6})
      for (Index groups : {1, 3}) {
        const Index kp = k + 3, width = vectors * L;
        const auto r = integers<T>(groups * kp * rows, draw);
        const auto phi = integers<T>(groups * rows * width, draw);
        auto c = integers<double>(k * width, draw);
        auto expected = c;
        for (Index g = 0; g < groups; ++g)
          for (Index m = 0; m < k; ++m)
            for (Index i = 0; i < rows; ++i)
              for (Index b = 0; b < width; ++b)
                expected[m * width + b] +=
                    double(r[(g * kp + m) * rows + i]) * double(phi[(g * rows + i) * width + b]);
        outer_groups(r.data(), k, kp, phi.data(), vectors, groups, c.data());
        CHECK(c == expected,
              "outer_groups, k = " << k << ", vectors = " << vectors << ", groups = " << groups);
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
  groups_of_outers<T>(draw);
}

}  // namespace

int main() {
  return check::run([] {
    all<float>();
    all<double>();
  });
}
