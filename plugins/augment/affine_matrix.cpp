#include "affine_matrix.h"

#include <cmath>
#include <numbers>

namespace twinflow::augment {

AffineMatrix affine_matrix(const AffineChange& change, std::size_t height, std::size_t width) {
  constexpr double radians = std::numbers::pi / 180;
  const double cos_r = std::cos(change.rotation * radians), sin_r = std::sin(change.rotation * radians);
  const double cos_s = std::cos(change.shear * radians), sin_s = std::sin(change.shear * radians);
  const double rows = change.zoom_height * (change.vertical_flip ? -1 : 1);
  const double columns = change.zoom_width * (change.horizontal_flip ? -1 : 1);

  // R . S, then its columns scaled by Z . F.
  const double a = cos_r * rows, b = (-cos_r * sin_s - sin_r * cos_s) * columns;
  const double c = sin_r * rows, d = (-sin_r * sin_s + cos_r * cos_s) * columns;
  // Only R stands to the left of T.
  const double down = cos_r * change.height_shift - sin_r * change.width_shift;
  const double right = sin_r * change.height_shift + cos_r * change.width_shift;

  const double middle_row = (static_cast<double>(height) - 1) / 2;
  const double middle_column = (static_cast<double>(width) - 1) / 2;
  return {a, b, middle_row + down - a * middle_row - b * middle_column,
          c, d, middle_column + right - c * middle_row - d * middle_column};
}

}  // namespace twinflow::augment
