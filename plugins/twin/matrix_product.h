#pragma once

#include <cstddef>
#include <vector>

namespace twinflow::twin {

using Matrix = std::vector<float>;

/// A factor of a product, as it lies in memory: row-major, with rows of `width` numbers; or the transpose of
/// what lies there.
struct Factor {
  const Matrix& values;
  std::size_t width;
  bool transposed = false;

  const float* row(std::size_t i) const { return values.data() + (transposed ? i : i * width); }
};

/// left right, of rows x inner and inner x columns, row-major. Blocks of rows are worked in parallel over the
/// arena, each by one thread: the same bits for any number of threads.
Matrix product(Factor left, Factor right, std::size_t rows, std::size_t inner, std::size_t columns);

}  // namespace twinflow::twin
