#pragma once

#include <algorithm>
#include <cmath>
#include <span>

namespace twinflow::twin {

/// No value is infinite or not a number.
inline bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float one) { return std::isfinite(one); });
}

}  // namespace twinflow::twin
