#include "glyph_hand.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "picture.h"

namespace twinflow::data {

namespace {

constexpr double paper = PictureForm::drawn, margin = 4;  // pixels

/// At most two deviations out: no drawing is beyond recognition.
double bounded_normal(Random& random) { return std::clamp(random.normal(), -2.0, 2.0); }

Point shake(double by, Random& random) {
  const double x = bounded_normal(random), y = bounded_normal(random);
  return {by * x, by * y};
}

/// `end` a little further along, or short of, the way from `before`.
void run_on(Point& end, Point before, double by) {
  const Point last = end - before;
  end = end + last * std::max(by / std::max(length(last), 0.1), -0.4);
}

/// Another go at a stroke: moved and resized as a whole, its turns displaced, its ends too long or too short.
Stroke redrawn(Stroke stroke, double carelessness, Random& random) {
  Line& points = stroke.points;
  const Box box = bounds({points});
  const Point middle = (box.low + box.high) * 0.5;
  const bool dot = length(box.high - box.low) < 0.2;
  const Point moved = shake(0.05 * carelessness, random);
  const double resized = 1 + 0.06 * carelessness * bounded_normal(random);
  for (Point& p : points)
    p = middle + moved + (p - middle) * resized + shake((dot ? 0.01 : 0.05) * carelessness, random);
  if (dot) return stroke;
  run_on(points.back(), points[points.size() - 2], 0.06 * carelessness * bounded_normal(random));
  run_on(points.front(), points[1], 0.06 * carelessness * bounded_normal(random));
  if (points.size() == 2) {  // nobody draws a line quite straight
    const Point along = points[1] - points[0], across{-along.y, along.x};
    points.insert(points.begin() + 1,
                  points[0] + along * 0.5 + across * (0.04 * carelessness * bounded_normal(random)));
    stroke.smooth = true;
  }
  return stroke;
}

/// A slow tremor along the line.
void tremble(Line& line, double by, Random& random) {
  const double x = random.uniform(0, 2 * std::numbers::pi), y = random.uniform(0, 2 * std::numbers::pi);
  const double rate = random.uniform(0.25, 0.6);  // radians a point
  for (std::size_t i = 0; i < line.size(); ++i)
    line[i] = line[i] + Point{std::sin(x + rate * i), std::sin(y + 0.8 * rate * i)} * by;
}

/// Moves, and where need be shrinks, the lines onto the paper.
void keep_on_paper(std::vector<Line>& lines) {
  const Box box = bounds(lines);
  const Point extent = box.high - box.low, middle = (box.low + box.high) * 0.5;
  const double room = paper - 2 * margin;
  const double shrink = std::min(1.0, room / std::max({extent.x, extent.y, 1.0}));
  const auto kept = [&](double at, double size) {
    const double half = margin + 0.5 * shrink * size;
    return std::clamp(at, half, std::max(half, paper - half));
  };
  const Point to{kept(middle.x, extent.x), kept(middle.y, extent.y)};
  for (Line& line : lines)
    for (Point& p : line) p = to + (p - middle) * shrink;
}

}  // namespace

Hand draw_hand(double typical_pen, Random& random) {
  Hand hand;
  hand.size = 0.6 * std::exp(0.12 * bounded_normal(random));
  hand.stretch = std::exp(0.10 * bounded_normal(random));
  hand.turn = 0.05 * bounded_normal(random);
  hand.slant = 0.10 * bounded_normal(random);
  hand.place = shake(3, random);
  hand.pen = typical_pen * std::exp(0.12 * bounded_normal(random));
  hand.carelessness = 1.25 * std::exp(0.2 * bounded_normal(random));
  return hand;
}

std::vector<Line> draw(const Glyph& glyph, const Hand& hand, Random& random) {
  const double turn = hand.turn + 0.04 * hand.carelessness * bounded_normal(random);
  const double slant = hand.slant + 0.04 * hand.carelessness * bounded_normal(random);
  const double stretch = hand.stretch * std::exp(0.06 * hand.carelessness * bounded_normal(random));
  const double scale = 0.5 * paper * hand.size * std::exp(0.06 * hand.carelessness * bounded_normal(random));
  const Point place = Point{paper / 2, paper / 2} + hand.place + shake(2, random);
  const double c = std::cos(turn), s = std::sin(turn);

  std::vector<Line> lines;
  for (const Stroke& stroke : glyph) {
    Line line = trace(redrawn(stroke, hand.carelessness, random), 0.05);
    tremble(line, 0.01 * hand.carelessness, random);
    for (Point& p : line) {
      const Point slanted{stretch * (p.x - slant * p.y), p.y};
      p = place + Point{c * slanted.x - s * slanted.y, s * slanted.x + c * slanted.y} * scale;
    }
    lines.push_back(std::move(line));
  }
  keep_on_paper(lines);
  return lines;
}

}  // namespace twinflow::data
