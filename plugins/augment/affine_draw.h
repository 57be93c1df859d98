#pragma once

#include <cstddef>
#include <optional>

#include "affine_matrix.h"
#include "twinflow/param.h"
#include "twinflow/random.h"
#include "twinflow/spec.h"

namespace twinflow::augment {

enum class ZoomScale { linear, log };

/// How likely single components are, where that differs from the others.
struct AffineProbabilities {
  std::optional<double> rotation, width_shift, height_shift, shear, zoom, channel_shift, brightness;

  static void describe(TableSpec<AffineProbabilities>& spec);
};

/// What an image's change is drawn from. As built, no change. A range [x, x] fixes its component.
struct AffineRanges {
  Around<0> rotation{};                      // degrees
  Around<0> width_shift{};                   // both ends within (-1, 1): fractions of the width; else pixels
  Around<0> height_shift{};                  // likewise, of the height
  Around<0> shear{};                         // degrees
  Around<1> zoom{};                          // above 0; drawn for each axis
  ZoomScale zoom_scale = ZoomScale::linear;  // uniform in the zoom, or in its logarithm
  double horizontal_flip = 0;                // probabilities
  double vertical_flip = 0;
  Around<0> channel_shift{};  // one draw for all channels
  Around<1> brightness{};
  double probability = 1;  // that a component happens, each by itself; the flips have their own
  AffineProbabilities probabilities{};
};

/// One change, each component uniform in its range. The components are rotation, the two shifts, shear and
/// the zooms of the two axes, which Koch (2015) includes with probability 0.5 each, then channel shift and
/// brightness. Whatever the outcome, the same draws are made of `random`: the next image's change does not
/// depend on it.
AffineChange draw_change(const AffineRanges& ranges, std::size_t height, std::size_t width, Random& random);

}  // namespace twinflow::augment
