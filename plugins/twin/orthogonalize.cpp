#include "orthogonalize.h"

#include <algorithm>
#include <cmath>

#include "matrix_product.h"

namespace twinflow::twin {
namespace {

constexpr int rounds = 5;
constexpr float a = 3.4445f, b = -4.7750f, c = 2.0315f;

Matrix square_product(const Matrix& left, const Matrix& right, std::size_t side) {
  return product({left, side}, {right, side}, side, side, side);
}

}  // namespace

void orthogonalize(Matrix& x, std::size_t rows, std::size_t columns) {
  double squares = 0.0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  if (squares == 0.0) return;
  const auto shrink = static_cast<float>(1.0 / std::sqrt(squares));
  for (float& value : x) value *= shrink;

  const bool wide = rows <= columns;
  const std::size_t side = std::min(rows, columns);
  Matrix g = product({x, columns, !wide}, {x, columns, wide}, side, std::max(rows, columns), side);
  Matrix all;  // P_k ... P_0
  for (int k = 0; k < rounds; ++k) {
    Matrix p = square_product(g, g, side);
    for (std::size_t i = 0; i < p.size(); ++i) p[i] = c * p[i] + b * g[i];
    for (std::size_t i = 0; i < side; ++i) p[i * side + i] += a;
    all = k == 0 ? p : square_product(p, all, side);
    if (k + 1 < rounds) g = square_product(square_product(p, g, side), p, side);
  }
  x = wide ? product({all, side}, {x, columns}, rows, side, columns)
           : product({x, columns}, {all, side}, rows, side, columns);
}

}  // namespace twinflow::twin
