#include "glyph_alphabet.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

namespace twinflow::data {

namespace {

constexpr double far_enough = 0.22;  // units of the box: closer than this, two characters are easily mistaken
constexpr double least_ink = 2.6;    // units of the box: less is a mere tick
constexpr int tries = 40;

std::size_t draw_weighted(const std::vector<double>& weights, Random& random) {
  double left = random.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i + 1 < weights.size(); ++i)
    if ((left -= weights[i]) < 0) return i;
  return weights.size() - 1;
}

Line grid(const AlphabetStyle& style) {
  Line points;
  for (int row = 0; row < style.rows; ++row)
    for (int column = 0; column < style.columns; ++column)
      points.push_back(
          {style.aspect * (2.0 * column / (style.columns - 1) - 1), 2.0 * row / (style.rows - 1) - 1});
  return points;
}

/// The next turn: any grid point, those `reach` away most likely, that neither stands still nor doubles back.
Point next_turn(const Line& stroke, const Line& grid, const AlphabetStyle& style, Random& random) {
  const Point here = stroke.back();
  std::vector<double> weights;
  for (const Point& there : grid) {
    const Point move = there - here;
    const double way = length(move), off = (way - style.reach) / 0.35;
    double weight = way < 0.25 ? 0 : std::exp(-0.5 * off * off) + 1e-3;
    if (stroke.size() >= 2 && weight > 0) {
      const Point came = here - stroke[stroke.size() - 2];
      if ((came.x * move.x + came.y * move.y) / (length(came) * way) < -0.6) weight *= 1e-4;
    }
    weights.push_back(weight);
  }
  return grid[draw_weighted(weights, random)];
}

Stroke ring(Point middle, double radius, Random& random) {
  Stroke stroke;
  const double start = random.uniform(0, 2 * std::numbers::pi), narrow = random.uniform(0.7, 1.0);
  for (int i = 0; i <= 7; ++i) {  // one step past a full turn, so that the ring closes
    const double angle = start + i * 2 * std::numbers::pi / 6.6;
    stroke.points.push_back(middle + Point{narrow * radius * std::cos(angle), radius * std::sin(angle)});
  }
  return stroke;
}

/// An arc between two points, or with a second bulge to the other side, an S.
Stroke bow(Point from, Point to, Random& random) {
  const Point along = to - from, across = Point{-along.y, along.x} * (random.coin(0.5) ? 1.0 : -1.0);
  const double bulge = random.uniform(0.25, 0.6), back = random.coin(0.3) ? -1.0 : 1.0;
  return {{from, from + along * 0.22 + across * (0.8 * bulge),
           from + along * 0.5 + across * (back > 0 ? bulge : 0.0),
           from + along * 0.78 + across * (0.8 * bulge * back), to},
          true};
}

Stroke plain_stroke(const AlphabetStyle& style, const Line& grid, Point start, Random& random) {
  Stroke stroke{{start}, false};
  stroke.points.push_back(next_turn(stroke.points, grid, style, random));
  if (random.coin(style.straight)) return stroke;
  if (random.coin(style.smooth)) {
    if (random.coin(style.bowed)) return bow(stroke.points[0], stroke.points[1], random);
    stroke.smooth = true;
  }
  for (std::size_t turns = 1 + draw_weighted({0.5, 0.35, 0.15}, random); turns > 0; --turns)
    stroke.points.push_back(next_turn(stroke.points, grid, style, random));
  return stroke;
}

/// Where a stroke starts: on one that is there already (at an end, or on its way), or anywhere.
Point start_point(const Glyph& glyph, const AlphabetStyle& style, const Line& grid, Random& random) {
  if (glyph.empty() || !random.coin(style.joined)) return grid[random.below(grid.size())];
  const Line line = trace(glyph[random.below(glyph.size())], 0.1);
  if (random.coin(0.4)) return random.coin(0.5) ? line.front() : line.back();
  return line[random.below(line.size())];
}

Stroke any_stroke(const Glyph& glyph, const AlphabetStyle& style, const Line& grid, Random& random) {
  const double kind = random.uniform();
  if (kind < style.loop)
    return ring(start_point(glyph, style, grid, random), random.uniform(0.25, 0.5), random);
  if (kind < style.loop + style.dot && !glyph.empty()) {
    const Point at = grid[random.below(grid.size())];
    return {{at, at + Point{random.uniform(-0.08, 0.08), random.uniform(-0.08, 0.08)}}, false};
  }
  return plain_stroke(style, grid, start_point(glyph, style, grid, random), random);
}

/// Whether a stroke would mostly thicken what is there already: two fifths of it lie along earlier ones.
bool retraces(const Stroke& stroke, const Glyph& glyph) {
  const Line drawn = outline(glyph), line = trace(stroke, 0.15);
  std::size_t close = 0;
  for (const Point& p : line)
    close += std::any_of(drawn.begin(), drawn.end(), [p](Point q) { return length(p - q) < 0.16; });
  return 5 * close > 2 * line.size();
}

double ink_length(const Glyph& glyph) {
  double sum = 0;
  for (const Stroke& stroke : glyph) {
    const Line line = trace(stroke, 0.15);
    for (std::size_t i = 1; i < line.size(); ++i) sum += length(line[i] - line[i - 1]);
  }
  return sum;
}

}  // namespace

AlphabetStyle draw_style(Random& random) {
  AlphabetStyle style;
  const double typical = random.uniform(0.6, 2.4);  // strokes, above the first
  for (std::size_t i = 0; i < style.stroke_counts.size(); ++i)
    style.stroke_counts[i] = std::exp(-0.7 * (i - typical) * (i - typical));
  style.columns = 2 + static_cast<int>(random.below(3));
  style.rows = 3 + static_cast<int>(random.below(2));
  style.aspect = random.uniform(0.7, 1.1);
  style.straight = random.uniform(0.05, 0.5);
  style.smooth = random.coin(0.25) ? random.uniform(0, 0.3) : random.uniform(0.7, 1.0);
  style.bowed = random.uniform(0.3, 0.8);
  style.reach = random.uniform(0.8, 1.6);
  style.joined = random.uniform(0.5, 0.95);
  style.loop = random.coin(0.4) ? random.uniform(0.05, 0.25) : 0;
  style.dot = random.coin(0.35) ? random.uniform(0.05, 0.2) : 0;
  style.slant = 0.08 * random.normal();
  style.pen = random.uniform(1.3, 1.8);
  const Line points = grid(style);
  for (std::size_t i = 0, count = 3 + random.below(3); i < count; ++i)
    style.parts.push_back(plain_stroke(style, points, points[random.below(points.size())], random));
  style.reuse = random.uniform(0.15, 0.5);
  return style;
}

Glyph invent_glyph(const AlphabetStyle& style, Random& random) {
  Line points = grid(style);
  for (Point& p : points) p = p + Point{0.08 * random.normal(), 0.08 * random.normal()};
  Glyph glyph;
  for (int i = 0; i < tries && ink_length(glyph) < least_ink; ++i) {
    const std::size_t count =
        1 + draw_weighted({style.stroke_counts.begin(), style.stroke_counts.end()}, random);
    std::vector<std::size_t> parts = random.choose(style.parts.size(), style.parts.size());
    glyph.clear();
    for (int k = 0; k < tries && glyph.size() < count; ++k) {
      const bool reused = !parts.empty() && random.coin(style.reuse);
      Stroke stroke = reused ? style.parts[parts.back()] : any_stroke(glyph, style, points, random);
      if (reused) parts.pop_back();
      if (!retraces(stroke, glyph)) glyph.push_back(std::move(stroke));
    }
  }
  glyph = fitted(std::move(glyph), 2 * style.aspect, 2, 1.5);
  for (Stroke& stroke : glyph)
    for (Point& p : stroke.points) p.x -= style.slant * p.y;
  return glyph;
}

std::vector<Glyph> invent_alphabet(const AlphabetStyle& style, std::size_t count, Random& random) {
  std::vector<Glyph> glyphs;
  std::vector<Line> outlines;
  while (glyphs.size() < count) {
    Glyph best;
    double best_apart = -1;
    for (int i = 0; i < tries && best_apart < far_enough; ++i) {
      Glyph one = invent_glyph(style, random);
      const Line line = outline(one);
      double apart = std::numeric_limits<double>::infinity();
      for (const Line& earlier : outlines) apart = std::min(apart, difference(line, earlier));
      if (apart > best_apart) best = std::move(one), best_apart = apart;
    }
    outlines.push_back(outline(best));
    glyphs.push_back(std::move(best));
  }
  return glyphs;
}

}  // namespace twinflow::data
