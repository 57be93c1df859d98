#pragma once

#include <cstddef>
#include <span>

#include "twinflow/dataset.h"
#include "twinflow/images.h"

namespace twinflow::sample {

/// An image of a data set, turned counter-clockwise by quarters.
struct Shot {
  std::size_t image = 0;  // index in the store
  int turns = 0;          // 0 .. 3; other than 0 only for square images
};

/// The shots as one stack, in their order: 0 .. 255 become 0 .. 1. No pixel is interpolated.
Images gather(const PixelStore& store, std::span<const Shot> shots);

}  // namespace twinflow::sample
