#include "matrix_product.h"

#include <dnnl.h>

#include "engine.h"
#include "loops.h"
#include "twinflow/error.h"

namespace twinflow::twin {

Matrix product(Factor left, Factor right, std::size_t rows, std::size_t inner, std::size_t columns) {
  constexpr std::size_t block = 32;
  Matrix made(rows * columns);
  const auto turn = [](const Factor& factor) { return factor.transposed ? 'T' : 'N'; };
  const auto size = [](std::size_t count) { return static_cast<dnnl_dim_t>(count); };
  parallel_ranges(rows, block, [&](std::size_t begin, std::size_t end) {
    one_thread();
    if (dnnl_sgemm(turn(left), turn(right), size(end - begin), size(columns), size(inner), 1.0f,
                   left.row(begin), size(left.width), right.values.data(), size(right.width), 0.0f,
                   made.data() + begin * columns, size(columns)) != dnnl_success)
      throw Error("oneDNN could not multiply two matrices");
  });
  return made;
}

}  // namespace twinflow::twin
