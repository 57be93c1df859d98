#pragma once

#include <cstddef>
#include <string>

namespace twinflow::twin {

/// What one image is between two layers: channels x height x width. A dense layer's output has height = width
/// = 1.
struct Shape {
  std::size_t channels = 0, height = 0, width = 0;

  std::size_t size() const { return channels * height * width; }
  bool operator==(const Shape&) const = default;
  std::string text() const {
    return std::to_string(channels) + "x" + std::to_string(height) + "x" + std::to_string(width);
  }
};

}  // namespace twinflow::twin
