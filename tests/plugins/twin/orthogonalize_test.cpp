#include "plugins/twin/orthogonalize.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <cmath>

#include "components.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// What five rounds make of one singular value.
double rounds(double s) {
  for (int k = 0; k < 5; ++k) s = 3.4445 * s - 4.7750 * std::pow(s, 3) + 2.0315 * std::pow(s, 5);
  return s;
}

std::vector<float> drawn(std::size_t count) {
  Random random(5, 0, 0);
  std::vector<float> made(count);
  for (float& one : made) one = static_cast<float>(random.normal());
  return made;
}

/// The iteration as it is published, on the matrix itself, in f64.
std::vector<float> plain(const std::vector<float>& matrix, std::size_t rows, std::size_t columns) {
  double squares = 0.0;
  for (const float one : matrix) squares += static_cast<double>(one) * one;
  std::vector<double> x(matrix.begin(), matrix.end());
  for (double& one : x) one /= std::sqrt(squares);
  const auto times = [](const std::vector<double>& left, const std::vector<double>& right, std::size_t m,
                        std::size_t inner, std::size_t n) {
    std::vector<double> made(m * n, 0.0);
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t k = 0; k < inner; ++k) made[i * n + j] += left[i * inner + k] * right[k * n + j];
    return made;
  };
  for (int round = 0; round < 5; ++round) {
    std::vector<double> turned(x.size());
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) turned[j * rows + i] = x[i * columns + j];
    const std::vector<double> g = times(x, turned, rows, columns, rows),
                              gx = times(g, x, rows, rows, columns), ggx = times(g, gx, rows, rows, columns);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 3.4445 * x[i] - 4.7750 * gx[i] + 2.0315 * ggx[i];
  }
  return {x.begin(), x.end()};
}

}  // namespace

TEST_CASE("orthogonalize by hand: singular values go through the polynomial, vectors stay") {
  std::vector<float> diagonal{3, 0, 0, -4};  // of length 5
  orthogonalize(diagonal, 2, 2);
  check_close(diagonal, {static_cast<float>(rounds(0.6)), 0, 0, static_cast<float>(-rounds(0.8))}, 1e-5);
  std::vector<float> row{6, 8};
  orthogonalize(row, 1, 2);
  check_close(row, {static_cast<float>(0.6 * rounds(1.0)), static_cast<float>(0.8 * rounds(1.0))}, 1e-5);
}

TEST_CASE("orthogonalize agrees with the published iteration, of wide, high and square matrices") {
  for (const auto& [rows, columns] : {std::pair{5u, 40u}, {40u, 5u}, {70u, 70u}, {130u, 65u}}) {
    CAPTURE(rows);
    std::vector<float> matrix = drawn(std::size_t{rows} * columns);
    const std::vector<float> expected = plain(matrix, rows, columns);
    orthogonalize(matrix, rows, columns);
    check_close(matrix, expected, 2e-5);
  }
}

TEST_CASE("orthogonalize agrees where singular values are far apart, and of a matrix of rank one") {
  const std::size_t rows = 20, columns = 60;
  std::vector<float> matrix(rows * columns), one(rows * columns);
  const std::vector<float> left = drawn(rows * rows), right = drawn(rows * columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      one[i * columns + j] = left[i] * right[j];
      for (std::size_t k = 0; k < rows; ++k)  // weights from 1 down to 1e-8
        matrix[i * columns + j] += left[i * rows + k] * right[k * columns + j] *
                                   static_cast<float>(std::pow(10.0, -0.42 * static_cast<double>(k)));
    }
  for (std::vector<float>* some : {&matrix, &one}) {
    const std::vector<float> expected = plain(*some, rows, columns);
    orthogonalize(*some, rows, columns);
    check_close(*some, expected, 2e-4);
  }
}

TEST_CASE("orthogonalize leaves a matrix of zeros, and does not see a factor") {
  std::vector<float> zeros(6, 0.0f);
  orthogonalize(zeros, 2, 3);
  CHECK(zeros == std::vector<float>(6, 0.0f));
  std::vector<float> matrix = drawn(60), small = matrix;
  for (float& one : small) one *= 1e-12f;
  orthogonalize(matrix, 6, 10);
  orthogonalize(small, 6, 10);
  check_close(small, matrix, 1e-5);
}

TEST_CASE("orthogonalize gives the same bits for any number of threads") {
  std::vector<float> first;
  for (const int threads : {1, 2, 8}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    std::vector<float> matrix = drawn(200 * 300);
    arena.execute([&] { orthogonalize(matrix, 200, 300); });
    if (first.empty()) first = matrix;
    CHECK(matrix == first);
  }
}
