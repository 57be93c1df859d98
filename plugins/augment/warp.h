#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "affine_matrix.h"

namespace twinflow::augment {

/// What stands outside of the image a b c d.
enum class Fill {
  nearest,   // aaaa|abcd|dddd
  constant,  // one value, blended with the edge where the interpolation reaches over it
  reflect,   // dcba|abcd|dcba
  wrap,      // abcd|abcd|abcd
};
std::vector<std::pair<std::string, Fill>> fill_names();  // in a graph file

/// The pixel of a line of `count` that stands at `i`, anywhere beside it; -1: the constant does.
inline int pixel_at(int i, int count, Fill fill) {
  const auto remainder = [i](int period) { return (i % period + period) % period; };
  switch (fill) {
    case Fill::nearest:
      return std::clamp(i, 0, count - 1);
    case Fill::constant:
      return i < 0 || i >= count ? -1 : i;
    case Fill::reflect:
      return std::min(remainder(2 * count), 2 * count - 1 - remainder(2 * count));
    case Fill::wrap:
      break;
  }
  return remainder(count);
}

enum class Interpolation { nearest, bilinear, cubic };

struct Resampling {
  Interpolation interpolation = Interpolation::bilinear;
  Fill fill = Fill::nearest;
  double cval = 0;  // for Fill::constant
  /// Edges as scipy.ndimage has them under keras-preprocessing 1.1: wrap has the period n - 1 (abcd|bcd|bcd),
  /// and constant is not blended: beyond the middle of the edge's pixels there is cval. Not for cubic, which
  /// is another kernel there.
  Compat compat = Compat::none;
};

/// Resamples one plane of height x width values, both below 32768: target(row, column) = source at the place
/// that the matrix says, places being computed in f32: to about 1e-7 of the image's size. Any matrix will do:
/// no place, however far or not a number, is read outside of the source. Cubic (Keys' kernel with
/// a = -0.75) is held between the least and the greatest value of the source, and of cval with a constant
/// fill, so that it keeps the range of the values.
void warp(const float* source, float* target, std::size_t height, std::size_t width,
          const AffineMatrix& matrix, const Resampling& how);
/// The same from 8-bit pixels, 0 .. 255 for 0 .. 1: the same places, in bilinear interpolation faster, and
/// equal but for the last bit, which is equal too where nothing is interpolated.
void warp(const std::uint8_t* source, float* target, std::size_t height, std::size_t width,
          const AffineMatrix& matrix, const Resampling& how);

}  // namespace twinflow::augment
