#pragma once

#include <cstddef>
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
int cv_border(Fill fill);                                // OpenCV's number for it

enum class Interpolation { nearest, bilinear, cubic };

struct Resampling {
  Interpolation interpolation = Interpolation::bilinear;
  Fill fill = Fill::nearest;
  double cval = 0;  // for Fill::constant
};

/// Resamples one plane of height x width values, both below 32768: target(row, column) = source at the place
/// that the matrix says. OpenCV rounds these places to 1/32 of a pixel. Cubic (Keys' kernel with a = -0.75)
/// is held between the least and the greatest value of the source, and of cval with a constant fill, so that
/// it keeps the range of the values.
void warp(const float* source, float* target, std::size_t height, std::size_t width,
          const AffineMatrix& matrix, const Resampling& how);

}  // namespace twinflow::augment
