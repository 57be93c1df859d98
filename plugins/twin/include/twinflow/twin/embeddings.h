#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace twinflow::twin {

/// What a network makes of a stack of images: one row of `size` numbers for each of `count` images,
/// row-major.
struct Embeddings {
  std::size_t count = 0, size = 0;
  std::vector<float> values;

  Embeddings() = default;
  Embeddings(std::size_t count_, std::size_t size_) : count(count_), size(size_), values(count_ * size_) {}

  float* row(std::size_t i) { return values.data() + i * size; }
  const float* row(std::size_t i) const { return values.data() + i * size; }
};

/// Two rows of one Embeddings.
struct IndexPair {
  std::uint32_t a = 0, b = 0;
};

}  // namespace twinflow::twin
