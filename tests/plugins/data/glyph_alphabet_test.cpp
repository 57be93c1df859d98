#include "plugins/data/glyph_alphabet.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace twinflow;
using namespace twinflow::data;

TEST_CASE("styles differ, and stay within what can be drawn") {
  double least_typical = 9, most_typical = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    Random random(1, i, 0);
    const AlphabetStyle style = draw_style(random);
    CHECK(style.columns >= 2);
    CHECK(style.columns <= 4);
    CHECK(style.rows >= 3);
    CHECK(style.rows <= 4);
    CHECK(style.pen >= 1.3);
    CHECK(style.pen < 1.8);
    CHECK(style.parts.size() >= 3);
    CHECK(style.parts.size() <= 5);
    double sum = 0, mean = 0;
    for (std::size_t k = 0; k < 4; ++k)
      sum += style.stroke_counts[k], mean += (k + 1) * style.stroke_counts[k];
    least_typical = std::min(least_typical, mean / sum);
    most_typical = std::max(most_typical, mean / sum);
  }
  CHECK(least_typical < 2.0);
  CHECK(most_typical > 3.0);
}

TEST_CASE("glyphs have one to four strokes, enough ink, and stand in the middle of their box") {
  int by_count[5] = {};
  for (std::uint64_t i = 0; i < 300; ++i) {
    Random random(2, i, 0);
    const AlphabetStyle style = draw_style(random);
    const Glyph glyph = invent_glyph(style, random);
    REQUIRE(glyph.size() >= 1);
    REQUIRE(glyph.size() <= 4);
    ++by_count[glyph.size()];
    for (const Stroke& stroke : glyph) {
      REQUIRE(stroke.points.size() >= 2);
      for (const Point& p : stroke.points) {
        CHECK(std::isfinite(p.x));
        CHECK(std::abs(p.x) < 3);
        CHECK(std::abs(p.y) < 2);
      }
    }
    std::vector<Line> lines;
    for (const Stroke& stroke : glyph) lines.push_back(trace(stroke, 0.1));
    const Box box = bounds(lines);
    CHECK(std::abs(box.low.y + box.high.y) < 5e-3);  // splines are traced, not solved
    CHECK(box.high.y - box.low.y < 2.01);
  }
  for (int count = 1; count <= 4; ++count) CHECK(by_count[count] > 10);
}

TEST_CASE("the stroke counts follow the style's weights") {
  Random random(3, 0, 0);
  AlphabetStyle style = draw_style(random);
  style.stroke_counts = {0, 0, 1, 0};
  for (int i = 0; i < 50; ++i) CHECK(invent_glyph(style, random).size() == 3);
}

TEST_CASE("characters of an alphabet differ from each other; a longer alphabet starts the same") {
  for (std::uint64_t alphabet = 0; alphabet < 10; ++alphabet) {
    Random random(4, alphabet, 0), style_random(5, alphabet, 0), again(4, alphabet, 0);
    const AlphabetStyle style = draw_style(style_random);
    const std::vector<Glyph> glyphs = invent_alphabet(style, 20, random),
                             shorter = invent_alphabet(style, 5, again);
    REQUIRE(glyphs.size() == 20);
    for (std::size_t a = 0; a < 20; ++a)
      for (std::size_t b = 0; b < a; ++b) CHECK(difference(outline(glyphs[a]), outline(glyphs[b])) >= 0.15);
    for (std::size_t a = 0; a < 5; ++a) CHECK(difference(outline(glyphs[a]), outline(shorter[a])) == 0);
  }
}
