#include "plugins/data/glyph.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace twinflow::data;
using doctest::Approx;

TEST_CASE("a stroke with corners is traced along straight lines") {
  const Line line = trace({{{0, 0}, {1, 0}, {1, 0.5}}, false}, 0.25);
  REQUIRE(line.size() == 7);  // 4 pieces, then 2
  CHECK(line[1].x == Approx(0.25));
  CHECK(line[4].x == Approx(1));
  CHECK(line[4].y == Approx(0));
  CHECK(line[5].x == Approx(1));
  CHECK(line[5].y == Approx(0.25));
  CHECK(line[6].y == Approx(0.5));
}

TEST_CASE("a smooth stroke is a Catmull-Rom spline through its points") {
  // Middle piece of four points at its half: (-a + 9b + 9c - d) / 16.
  const Line line =
      trace({{{0, 0}, {0, 1}, {1, 1}, {1, 0}}, true}, 0.65);  // ceil(1.3 / 0.65): two pieces each
  REQUIRE(line.size() == 7);
  CHECK(line[2].x == Approx(0));
  CHECK(line[2].y == Approx(1));
  CHECK(line[3].x == Approx(0.5));
  CHECK(line[3].y == Approx((9.0 + 9.0) / 16));
  CHECK(line[6].x == Approx(1));
  CHECK(line[6].y == Approx(0));
  // Two points alone: a straight line.
  const Line straight = trace({{{0, 0}, {2, 2}}, true}, 0.5);
  for (const Point& p : straight) CHECK(p.x == Approx(p.y));
}

TEST_CASE("the box around lines") {
  const Box box = bounds({{{0, 1}, {2, -1}}, {{-3, 0}}});
  CHECK(box.low.x == -3);
  CHECK(box.low.y == -1);
  CHECK(box.high.x == 2);
  CHECK(box.high.y == 1);
}

TEST_CASE("a glyph is fitted into its box, but not stretched beyond the most") {
  const Glyph wide = fitted({{{{0, 0}, {4, 3}}, false}}, 5, 2, 1.5);
  CHECK(wide[0].points[0].x == Approx(-2.5));
  CHECK(wide[0].points[1].x == Approx(2.5));
  CHECK(wide[0].points[1].y == Approx(1));
  const Glyph line = fitted({{{{1, 1}, {1, 2}}, false}}, 2, 2, 1.5);
  CHECK(line[0].points[0].x == Approx(0));
  CHECK(line[0].points[0].y == Approx(-0.75));  // 1 long becomes 1.5, not 2
}

TEST_CASE("the difference of two outlines is the larger mean distance to the nearest point") {
  const Line a = {{0, 0}, {1, 0}}, b = {{0, 1}, {1, 0}, {5, 0}};
  CHECK(difference(a, a) == 0);
  // a to b: (1 + 0) / 2; b to a: (1 + 0 + 4) / 3
  CHECK(difference(a, b) == Approx(5.0 / 3));
  CHECK(difference(b, a) == Approx(5.0 / 3));
}

TEST_CASE("an outline covers every stroke") {
  const Line all = outline({{{{0, 0}, {0.3, 0}}, false}, {{{0, 1}, {0, 1.15}}, false}});
  REQUIRE(all.size() == 5);
  CHECK(all[4].y == Approx(1.15));
}
