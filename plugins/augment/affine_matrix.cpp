#include "affine_matrix.h"

#include <cmath>
#include <numbers>

namespace twinflow::augment {

AffineMatrix affine_matrix(const AffineChange& change, std::size_t height, std::size_t width, Compat compat) {
  constexpr double radians = std::numbers::pi / 180;
  const double cos_r = std::cos(change.rotation * radians), sin_r = std::sin(change.rotation * radians);
  const double cos_s = std::cos(change.shear * radians), sin_s = std::sin(change.shear * radians);

  // R . S . Z, rows scaled and columns scaled.
  const double a = cos_r * change.zoom_height, b = (-cos_r * sin_s - sin_r * cos_s) * change.zoom_width;
  const double c = sin_r * change.zoom_height, d = (-sin_r * sin_s + cos_r * cos_s) * change.zoom_width;
  // Only R stands to the left of T.
  const double down = cos_r * change.height_shift - sin_r * change.width_shift;
  const double right = sin_r * change.height_shift + cos_r * change.width_shift;

  const double last_row = static_cast<double>(height) - 1, last_column = static_cast<double>(width) - 1;
  const double further = compat == Compat::keras_1_1 ? 1 : 0;
  const double row = last_row / 2 + further, column = last_column / 2 + further;  // the centre
  AffineMatrix m = {a, b, row + down - a * row - b * column, c, d, column + right - c * row - d * column};

  // What was read for row is read for last_row - row.
  const auto flip = [&m](std::size_t axis, double last) {
    for (const std::size_t line : {0, 3}) {
      m[line + 2] += m[line + axis] * last;
      m[line + axis] = -m[line + axis];
    }
  };
  if (change.vertical_flip) flip(0, last_row);
  if (change.horizontal_flip) flip(1, last_column);
  return m;
}

AffineMatrix from_unturned(const AffineMatrix& m, int turns, std::size_t side) {
  // The pixel (row, column) of the turned image is (column, last - row) of the other.
  const double last = static_cast<double>(side) - 1;
  const AffineMatrix once = {m[3], m[4], m[5], -m[0], -m[1], last - m[2]};
  return turns == 0 ? m : turns == 1 ? once : from_unturned(once, turns - 1, side);
}

}  // namespace twinflow::augment
