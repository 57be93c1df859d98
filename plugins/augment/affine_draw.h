#pragma once

#include <array>
#include <cstddef>

#include "affine_matrix.h"
#include "twinflow/random.h"

namespace twinflow::augment {

enum class ZoomScale { linear, log };

/// What an image's change is drawn from. As built, no change. A range [x, x] fixes its component.
struct AffineRanges {
  std::array<double, 2> rotation{0, 0};      // degrees
  std::array<double, 2> width_shift{0, 0};   // both ends within (-1, 1): fractions of the width; else pixels
  std::array<double, 2> height_shift{0, 0};  // likewise, of the height
  std::array<double, 2> shear{0, 0};         // degrees
  std::array<double, 2> zoom{1, 1};          // above 0; drawn for each axis
  ZoomScale zoom_scale = ZoomScale::linear;  // uniform in the zoom, or in its logarithm
  double horizontal_flip = 0;                // probabilities
  double vertical_flip = 0;
  double probability = 1;  // that a component happens, each by itself; the flips have their own
};

/// One change, each component uniform in its range. The components are rotation, the two shifts, shear and
/// the zooms of the two axes: those that Koch (2015) includes with probability 0.5 each. Whatever the
/// outcome, the same draws are made of `random`: the next image's change does not depend on it.
AffineChange draw_change(const AffineRanges& ranges, std::size_t height, std::size_t width, Random& random);

}  // namespace twinflow::augment
