#include "plugins/augment/affine_matrix.h"

#include <doctest/doctest.h>

using namespace twinflow::augment;

namespace {

// On 3 x 5 pixels: the centre is row 1, column 2.
void check(const AffineChange& change, const AffineMatrix& by_hand, Compat compat = Compat::none) {
  const AffineMatrix made = affine_matrix(change, 3, 5, compat);
  for (std::size_t i = 0; i < made.size(); ++i) {
    CAPTURE(i);
    CHECK(made[i] == doctest::Approx(by_hand[i]).epsilon(1e-7));
  }
}

}  // namespace

TEST_CASE("affine_matrix: no change") { check({}, {1, 0, 0, 0, 1, 0}); }

TEST_CASE("affine_matrix: a quarter turn reads row 3 - column, column row + 1") {
  check({.rotation = 90}, {0, -1, 3, 1, 0, 1});
}

TEST_CASE("affine_matrix: shifts add up to rows and columns") {
  check({.height_shift = 2, .width_shift = -1}, {1, 0, 2, 0, 1, -1});
}

TEST_CASE("affine_matrix: shear is [[1, -sin s], [0, cos s]]") {
  check({.shear = 30}, {1, -0.5, 1, 0, 0.86602540, 0.26794919});
}

TEST_CASE("affine_matrix: zoom scales each axis about the centre") {
  check({.zoom_height = 0.5, .zoom_width = 2}, {0.5, 0, 0.5, 0, 2, -2});
}

TEST_CASE("affine_matrix: flips keep the pixel grid") {
  check({.horizontal_flip = true}, {1, 0, 0, 0, -1, 4});
  check({.vertical_flip = true}, {-1, 0, 2, 0, 1, 0});
}

// R.S = [[0, -0.8660], [1, -0.5]]; times Z: [[0, -1.7321], [0.5, -1]]; R.t = (-2, 1).
TEST_CASE("affine_matrix: everything together, in the order R T S Z F") {
  AffineChange change{
      .rotation = 90, .height_shift = 1, .width_shift = 2, .shear = 30, .zoom_height = 0.5, .zoom_width = 2};
  check(change, {0, -1.73205081, 2.46410162, 0.5, -1, 4.5});
  change.horizontal_flip = true;
  check(change, {0, 1.73205081, -4.46410162, 0.5, 1, 0.5});
  change.vertical_flip = true;
  check(change, {0, 1.73205081, -4.46410162, -0.5, 1, 1.5});
}

// About row 2, column 3; the flips still about row 1, column 2.
TEST_CASE("affine_matrix: Keras' centre is one pixel further down and right") {
  check({}, {1, 0, 0, 0, 1, 0}, Compat::keras_1_1);
  check({.rotation = 90}, {0, -1, 5, 1, 0, 1}, Compat::keras_1_1);
  check({.zoom_height = 0.5, .zoom_width = 2}, {0.5, 0, 1, 0, 2, -3}, Compat::keras_1_1);
  check({.height_shift = 2, .width_shift = -1}, {1, 0, 2, 0, 1, -1}, Compat::keras_1_1);
  check({.horizontal_flip = true, .vertical_flip = true}, {-1, 0, 2, 0, -1, 4}, Compat::keras_1_1);
  check({.zoom_width = 2, .horizontal_flip = true}, {1, 0, 0, 0, -2, 5}, Compat::keras_1_1);
}
