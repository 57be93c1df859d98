#pragma once

#include <cstddef>

namespace twinflow::twin {

/// w = keep w - rate step, for `count` numbers: plain descent, after the decay. The arrays do not overlap.
void descend(float* __restrict w, const float* __restrict step, std::size_t count, float keep, float rate);

}  // namespace twinflow::twin
