#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "glyph.h"
#include "twinflow/random.h"

namespace twinflow::data {

/// What the characters of one alphabet have in common.
struct AlphabetStyle {
  std::array<double, 4> stroke_counts{};  // weights of 1, 2, 3 and 4 strokes
  int columns = 3, rows = 3;              // of the grid that strokes turn on
  double aspect = 1;                      // width over height of a character
  double straight = 0.3;                  // probability that a stroke is one straight line
  double smooth = 0.8;                    // probability that a bent stroke is round rather than angular
  double bowed = 0.5;            // probability that a round stroke is an arc or S, not a way over the grid
  double reach = 0.8;            // how far a stroke goes between two turns, in units of the box
  double joined = 0.7;           // probability that a stroke starts on an earlier one
  double loop = 0.1, dot = 0.1;  // probability of a stroke that is a ring; of a dot
  double slant = 0;              // shear: x shifts by slant * height
  double pen = 1.3;              // radius of the typical pen, pixels at 105 x 105
  std::vector<Stroke> parts;     // strokes that come back in several characters
  double reuse = 0.3;            // probability that a stroke is one of them
};

AlphabetStyle draw_style(Random& random);

/// A character of that style, in a box about (0, 0) of height 2 and width 2 * aspect.
Glyph invent_glyph(const AlphabetStyle& style, Random& random);

/// `count` characters that differ from each other, by `difference` where there is room: of the tries for
/// each, the first that is far from all before it, else the farthest.
std::vector<Glyph> invent_alphabet(const AlphabetStyle& style, std::size_t count, Random& random);

}  // namespace twinflow::data
