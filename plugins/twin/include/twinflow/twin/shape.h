#pragma once

#include "twinflow/image_shape.h"

namespace twinflow::twin {

/// What one image is between two layers. A dense layer's output has height = width = 1.
using Shape = ImageShape;

}  // namespace twinflow::twin
