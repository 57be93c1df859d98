#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "twinflow/tensors.h"

/// By their bits: what is no number differs from itself.
inline bool same(const twinflow::Tensor& a, const twinflow::Tensor& b) {
  const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  return a.shape == b.shape && std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
                                          [&](float left, float right) { return bits(left) == bits(right); });
}
