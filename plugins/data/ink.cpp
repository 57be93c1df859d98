#include "ink.h"

#include <algorithm>
#include <cmath>

namespace twinflow::data {

namespace {

double squared_distance(Point p, Point from, Point along, double along_squared) {
  const Point off = p - from;
  const double t =
      along_squared > 0 ? std::clamp((off.x * along.x + off.y * along.y) / along_squared, 0.0, 1.0) : 0.0;
  const Point gap = off - along * t;
  return gap.x * gap.x + gap.y * gap.y;
}

}  // namespace

void ink(const std::vector<Line>& lines, double radius, int side, std::uint8_t* paper) {
  std::fill_n(paper, static_cast<std::size_t>(side) * side, std::uint8_t{255});
  const double reach = radius + 0.5;
  for (const Line& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) {
      const Point from = line[i > 0 ? i - 1 : 0], to = line[i], along = to - from;
      const double along_squared = along.x * along.x + along.y * along.y;
      const auto low = [&](double a, double b) {
        return std::max(0, static_cast<int>(std::min(a, b) - reach));
      };
      const auto high = [&](double a, double b) {
        return std::min(side - 1, static_cast<int>(std::max(a, b) + reach));
      };
      for (int y = low(from.y, to.y); y <= high(from.y, to.y); ++y)
        for (int x = low(from.x, to.x); x <= high(from.x, to.x); ++x) {
          const double squared = squared_distance({x + 0.5, y + 0.5}, from, along, along_squared);
          if (squared >= reach * reach) continue;
          const double inked = std::min(reach - std::sqrt(squared), 1.0);
          std::uint8_t& pixel = paper[static_cast<std::size_t>(y) * side + x];
          pixel = std::min(pixel, static_cast<std::uint8_t>(255 * (1 - inked) + 0.5));
        }
    }
}

}  // namespace twinflow::data
