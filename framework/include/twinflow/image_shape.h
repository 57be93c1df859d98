#pragma once

#include <cstddef>
#include <string>

namespace twinflow {

/// The size of an image: channels x height x width.
struct ImageShape {
  std::size_t channels = 0, height = 0, width = 0;

  std::size_t size() const { return channels * height * width; }
  bool operator==(const ImageShape&) const = default;
  std::string text() const {
    return std::to_string(channels) + "x" + std::to_string(height) + "x" + std::to_string(width);
  }
};

}  // namespace twinflow
