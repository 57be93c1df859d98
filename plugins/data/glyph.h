#pragma once

#include <vector>

/// A character as strokes of a pen, in a box about (0, 0) that is about 2 units high; y points down.
namespace twinflow::data {

struct Point {
  double x = 0, y = 0;
};

inline Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
inline Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
inline Point operator*(Point a, double by) { return {a.x * by, a.y * by}; }
double length(Point a);

using Line = std::vector<Point>;  // points joined by straight pieces

struct Stroke {
  Line points;         // two or more that the pen passes through
  bool smooth = true;  // through a Catmull-Rom spline, else with corners
};

using Glyph = std::vector<Stroke>;

/// What the pen draws: a point about every `step` units along the stroke, its ends included.
Line trace(const Stroke& stroke, double step);

struct Box {
  Point low, high;
};
/// The smallest box around all points; there must be one at least.
Box bounds(const std::vector<Line>& lines);

/// `glyph` moved to the middle and stretched: its box becomes `width` x `height`, but no axis is stretched or
/// shrunk by more than `most` (above 1), so that a line stays a line.
Glyph fitted(Glyph glyph, double width, double height, double most);

/// Points all along a glyph, close enough to compare it by.
Line outline(const Glyph& glyph);

/// How different two glyphs look, from their outlines: the modified Hausdorff distance (Dubuisson & Jain
/// 1994), that is the larger of the two mean distances from the points of one to the nearest point of the
/// other. In units of the box.
double difference(const Line& a, const Line& b);

}  // namespace twinflow::data
