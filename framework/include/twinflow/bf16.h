#pragma once

#include <cstdint>
#include <cstring>

namespace twinflow {

/// The nearest bf16 (the upper half of an f32), ties to even; what is not a number stays none.
inline std::uint16_t to_bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u
                                                                       : rounded >> 16);
}

inline float from_bf16(std::uint16_t value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value) << 16;
  float made;
  std::memcpy(&made, &bits, sizeof made);
  return made;
}

}  // namespace twinflow
