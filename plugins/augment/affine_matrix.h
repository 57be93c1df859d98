#pragma once

#include <array>
#include <cstddef>

namespace twinflow::augment {

/// What happens to one image. As built, nothing.
struct AffineChange {
  double rotation = 0;      // degrees; above 0 turns the picture clockwise
  double height_shift = 0;  // pixels; above 0 moves the picture up
  double width_shift = 0;   // pixels; above 0 moves the picture left
  double shear = 0;         // degrees, between -90 and 90
  double zoom_height = 1;   // above 0; below 1 magnifies
  double zoom_width = 1;
  bool horizontal_flip = false;  // left and right change places
  bool vertical_flip = false;    // top and bottom change places
};

/// m such that the output pixel (row, column) is read from the input at
///
///     (m[0] * row + m[1] * column + m[2],  m[3] * row + m[4] * column + m[5]).
using AffineMatrix = std::array<double, 6>;

/// R . T . S . Z . F about the centre ((height - 1) / 2, (width - 1) / 2), on (row, column) vectors:
///
///     R = [[cos r, -sin r], [sin r, cos r]], the rotation      T: + (height_shift, width_shift)
///     S = [[1, -sin s], [0, cos s]], the shear                 Z = diag(zoom_height, zoom_width)
///     F = diag(-1 or 1, -1 or 1), the flips
///
/// Keras' ImageDataGenerator (keras-preprocessing 1.1) composes the same product, but about n/2 + 0.5. Its
/// flips come after the resampling: in a matrix that reads, that is the right-most factor.
AffineMatrix affine_matrix(const AffineChange& change, std::size_t height, std::size_t width);

}  // namespace twinflow::augment
