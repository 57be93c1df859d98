#pragma once

#include <vector>

#include "glyph.h"
#include "twinflow/random.h"

namespace twinflow::data {

/// How one person draws: the same for all characters of an alphabet.
struct Hand {
  double size = 0.6;        // height of a character over the height of the paper
  double stretch = 1;       // width against height
  double turn = 0;          // radians, clockwise
  double slant = 0;         // shear
  Point place;              // of the middle, pixels from the paper's middle
  double pen = 1.3;         // radius, pixels
  double carelessness = 1;  // scale of all that is drawn anew for each drawing
};

/// Another hand, about a typical pen's radius (pixels at 105 x 105).
Hand draw_hand(double typical_pen, Random& random);

/// A drawing of the glyph: the lines that the pen follows, in pixels of a paper of 105 x 105, all within it.
std::vector<Line> draw(const Glyph& glyph, const Hand& hand, Random& random);

}  // namespace twinflow::data
