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
  double channel_shift = 0;      // added to all values
  double brightness = 1;         // then multiplies them
};

/// m such that the output pixel (row, column) is read from the input at
///
///     (m[0] * row + m[1] * column + m[2],  m[3] * row + m[4] * column + m[5]).
using AffineMatrix = std::array<double, 6>;

/// Whose habits are followed where they differ from the geometry that is meant.
enum class Compat { none, keras_1_1 };

/// R . T . S . Z about a centre, on (row, column) vectors, with the flips F about the middle of the image,
/// ((height - 1) / 2, (width - 1) / 2), to the right of it:
///
///     R = [[cos r, -sin r], [sin r, cos r]], the rotation      T: + (height_shift, width_shift)
///     S = [[1, -sin s], [0, cos s]], the shear                 Z = diag(zoom_height, zoom_width)
///     F = diag(-1 or 1, -1 or 1), the flips
///
/// The centre is the middle, too. Keras' ImageDataGenerator (keras-preprocessing 1.1) composes the same
/// product, but about (height / 2 + 0.5, width / 2 + 0.5), one pixel further, and flips after the resampling:
/// in a matrix that reads, that is the right-most factor.
AffineMatrix affine_matrix(const AffineChange& change, std::size_t height, std::size_t width,
                           Compat compat = Compat::none);

/// The same map out of an image that has yet to be turned counter-clockwise by that many quarters (0 .. 3):
/// reading with it is like turning the image first. Square images alone, of `side` pixels.
AffineMatrix from_unturned(const AffineMatrix& matrix, int turns, std::size_t side);

}  // namespace twinflow::augment
