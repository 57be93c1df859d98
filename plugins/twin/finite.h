#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace twinflow::twin {

/// No value is infinite or not a number.
inline bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float one) { return std::isfinite(one); });
}
/// The same of bf16 values: no exponent is all ones.
inline bool all_finite(std::span<const std::uint16_t> values) {
  return std::all_of(values.begin(), values.end(),
                     [](std::uint16_t one) { return (one & 0x7f80u) != 0x7f80u; });
}

}  // namespace twinflow::twin
