#pragma once

#include <cstdint>
#include <vector>

#include "glyph.h"

namespace twinflow::data {

/// Draws lines with a round pen of that radius onto grey paper of side x side pixels, row-major; pixel (0, 0)
/// covers [0, 1) x [0, 1). A pixel's ink is how far the pen's edge reaches past its middle, within half a
/// pixel either way (a cheap and smooth anti-aliasing): value = 255 * (1 - clamp(radius + 1/2 - distance, 0,
/// 1)), of the nearest piece. Lines may leave the paper.
void ink(const std::vector<Line>& lines, double radius, int side, std::uint8_t* paper);

}  // namespace twinflow::data
