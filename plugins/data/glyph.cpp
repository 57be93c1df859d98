#include "glyph.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace twinflow::data {

double length(Point a) { return std::sqrt(a.x * a.x + a.y * a.y); }

namespace {

/// Uniform Catmull-Rom: the piece from b to c, at t in [0, 1]; a and d are its neighbours.
Point catmull_rom(Point a, Point b, Point c, Point d, double t) {
  const Point linear = (c - a) * 0.5;
  const Point square = a - b * 2.5 + c * 2.0 - d * 0.5;
  const Point cube = (d - a) * 0.5 + (b - c) * 1.5;
  return b + (linear + (square + cube * t) * t) * t;
}

double mean_nearest(const Line& from, const Line& to) {
  double sum = 0;
  for (const Point& p : from) {
    double nearest = std::numeric_limits<double>::infinity();  // squared
    for (const Point& q : to)
      nearest = std::min(nearest, (p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y));
    sum += std::sqrt(nearest);
  }
  return sum / static_cast<double>(from.size());
}

}  // namespace

Line trace(const Stroke& stroke, double step) {
  const Line& points = stroke.points;
  Line line = {points.front()};
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Point b = points[i], c = points[i + 1];
    // Beyond an end the curve goes on as it came.
    const Point a = i > 0 ? points[i - 1] : b * 2.0 - c;
    const Point d = i + 2 < points.size() ? points[i + 2] : c * 2.0 - b;
    // A spline's piece is longer than its chord; 1.3 times is plenty for bends up to a right angle.
    const int pieces =
        std::max(1, static_cast<int>(std::ceil(length(c - b) * (stroke.smooth ? 1.3 : 1.0) / step)));
    for (int k = 1; k <= pieces; ++k) {
      const double t = static_cast<double>(k) / pieces;
      line.push_back(stroke.smooth ? catmull_rom(a, b, c, d, t) : b + (c - b) * t);
    }
  }
  return line;
}

Box bounds(const std::vector<Line>& lines) {
  constexpr double far = std::numeric_limits<double>::infinity();
  Box box{{far, far}, {-far, -far}};
  for (const Line& line : lines)
    for (const Point& p : line) {
      box.low = {std::min(box.low.x, p.x), std::min(box.low.y, p.y)};
      box.high = {std::max(box.high.x, p.x), std::max(box.high.y, p.y)};
    }
  return box;
}

Glyph fitted(Glyph glyph, double width, double height, double most) {
  std::vector<Line> lines;
  for (const Stroke& stroke : glyph) lines.push_back(trace(stroke, 0.1));
  const Box box = bounds(lines);
  const Point middle = (box.low + box.high) * 0.5, extent = box.high - box.low;
  const auto stretch = [most](double wanted, double is) {
    return std::clamp(wanted / std::max(is, 1e-9), 1.0 / most, most);
  };
  const Point by{stretch(width, extent.x), stretch(height, extent.y)};
  for (Stroke& stroke : glyph)
    for (Point& p : stroke.points) p = {(p.x - middle.x) * by.x, (p.y - middle.y) * by.y};
  return glyph;
}

Line outline(const Glyph& glyph) {
  Line all;
  for (const Stroke& stroke : glyph) {
    const Line line = trace(stroke, 0.15);
    all.insert(all.end(), line.begin(), line.end());
  }
  return all;
}

double difference(const Line& a, const Line& b) { return std::max(mean_nearest(a, b), mean_nearest(b, a)); }

}  // namespace twinflow::data
