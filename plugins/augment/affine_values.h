#pragma once

#include <cstddef>

#include "affine_matrix.h"

namespace twinflow::augment {

/// What a change does to the values of an image (all its channels), in Keras' order: the channel shift is
/// added, the sum held between the least and the greatest value that the image had; then the brightness
/// multiplies, and the product is held between 0 and 1.
///
/// Keras' channel shift is the same, in the values of its images, mostly 0 .. 255. Its brightness goes
/// through PIL: there the image is first stretched over 0 .. 255, whatever its least and greatest value were,
/// and rounded to 8 bit; ours does neither.
void change_values(float* image, std::size_t size, const AffineChange& change);

}  // namespace twinflow::augment
