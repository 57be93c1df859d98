#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "twinflow/error.h"

namespace twinflow::twin {

/// A loss, a gradient or a distance that is not a finite number.
class NotFinite : public Error {
 public:
  using Error::Error;
};

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
