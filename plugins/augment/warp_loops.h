#pragma once

#include <cstddef>
#include <cstdint>

#include "affine_matrix.h"

namespace twinflow::augment {

/// How a place beside a line of n pixels is brought back to it.
enum class Fold {
  none,
  mirror,      // at -0.5 and n - 0.5
  wrap,        // period n
  scipy_wrap,  // period n - 1, as scipy.ndimage has it: the last pixel stands for the first
  scipy_cut    // what is not in [0, n - 1] is brought out of reach, as scipy.ndimage's constant fill does
};

/// Where the pixels of a target are read. Places that are still outside after folding are held `reach` pixels
/// beside the image (a place that is not a number: above and left of it), so a border of as many pixels, and
/// as many again as the interpolation looks beside a place, is all that is ever read, whatever the matrix.
struct Walk {
  AffineMatrix matrix;
  int height = 0, width = 0;  // of the target, and of the source without its border
  Fold fold = Fold::none;
  int reach = 1;
};

/// A source with its border.
template <class T>
struct Bordered {
  const T* pixels = nullptr;
  int stride = 0;
  int before = 0;  // rows of border above, and columns left
};

/// Bilinear, from 8-bit pixels: the low byte of each is a pixel, the high byte the one below it, so that the
/// four neighbours of a place lie in four bytes side by side. 0 .. 255 become 0 .. 1.
void warp_bytes(const Walk& walk, const Bordered<std::uint16_t>& source, float* target);
void warp_bilinear(const Walk& walk, const Bordered<float>& source, float* target);
void warp_nearest(const Walk& walk, const Bordered<float>& source, float* target);
/// Keys' kernel with a = -0.75, held between low and high. Reach 2.
void warp_cubic(const Walk& walk, const Bordered<float>& source, float low, float high, float* target);

/// to[i] = above[i] + 256 * below[i].
void interleave(const std::uint8_t* above, const std::uint8_t* below, std::uint16_t* to, std::size_t count);
/// to[i] = unit_pixel(from[i]).
void to_unit(const std::uint8_t* from, float* to, std::size_t count);

}  // namespace twinflow::augment
