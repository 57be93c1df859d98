#include "plugins/augment/warp.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

// Against a slow, obvious resampler in double precision that knows no matrices: it undoes one component after
// the other.

using namespace twinflow::augment;

namespace {

constexpr int height = 23, width = 18;

std::vector<float> picture() {  // no symmetry, its sides unlike each other; values in about 0.1 .. 0.9
  std::vector<float> pixels(height * width);
  for (int r = 0; r < height; ++r)
    for (int c = 0; c < width; ++c)
      pixels[r * width + c] = static_cast<float>(0.5 + 0.2 * std::sin(0.31 * r + 0.4) +
                                                 0.2 * std::cos(0.23 * c * (1 + 0.05 * r)));
  return pixels;
}

struct Place {
  double row, column;
};

/// Where the output pixel (row, column) is read from.
Place place(const AffineChange& change, int row, int column) {
  const double radians = std::numbers::pi / 180;
  double r = row - (height - 1) / 2.0, c = column - (width - 1) / 2.0;
  if (change.vertical_flip) r = -r;
  if (change.horizontal_flip) c = -c;
  r *= change.zoom_height;
  c *= change.zoom_width;
  const double s = change.shear * radians;
  r -= std::sin(s) * c;
  c *= std::cos(s);
  r += change.height_shift;
  c += change.width_shift;
  const double t = change.rotation * radians;
  const double turned_r = std::cos(t) * r - std::sin(t) * c, turned_c = std::sin(t) * r + std::cos(t) * c;
  return {turned_r + (height - 1) / 2.0, turned_c + (width - 1) / 2.0};
}

/// The index that stands for i beside a line of n pixels; -1 for a constant.
int fold(int i, int n, Fill fill) {
  if (fill == Fill::constant) return i < 0 || i >= n ? -1 : i;
  if (fill == Fill::nearest) return std::clamp(i, 0, n - 1);
  if (fill == Fill::wrap) {
    while (i < 0) i += n;
    return i % n;
  }
  while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;  // reflect
  return i;
}

double pixel(const std::vector<float>& image, int r, int c, const Resampling& how) {
  const int row = fold(r, height, how.fill), column = fold(c, width, how.fill);
  return row < 0 || column < 0 ? how.cval : image[row * width + column];
}

/// Keys' cubic kernel with a = -0.75.
double cubic(double x) {
  const double a = -0.75;
  x = std::abs(x);
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}
double linear(double x) { return std::max(0.0, 1 - std::abs(x)); }

struct Expected {
  double value, tolerance;
};

// OpenCV rounds two products to 1/1024 pixel and their sum to 1/32: a place is off by up to `off`. Within it,
// a bilinear value moves by at most the greatest step between neighbours per axis; a cubic one by 1.5 steps,
// times up to 1.375, the sum of the other axis' weights without their signs.
constexpr double off = 1.0 / 64 + 1.0 / 1024;

Expected expected(const std::vector<float>& image, const Place& at, const Resampling& how) {
  const int r0 = static_cast<int>(std::floor(at.row)), c0 = static_cast<int>(std::floor(at.column));
  const bool is_cubic = how.interpolation == Interpolation::cubic;
  double value = 0, step = 0;
  for (int r = r0 - 2; r <= r0 + 3; ++r)
    for (int c = c0 - 2; c <= c0 + 3; ++c) {
      const double here = pixel(image, r, c, how);
      const double weight =
          is_cubic ? cubic(at.row - r) * cubic(at.column - c) : linear(at.row - r) * linear(at.column - c);
      value += weight * here;
      step = std::max(
          {step, std::abs(pixel(image, r + 1, c, how) - here), std::abs(pixel(image, r, c + 1, how) - here)});
    }
  if (is_cubic) {  // held in the range of the values
    auto [low, high] = std::minmax_element(image.begin(), image.end());
    double least = *low, greatest = *high;
    if (how.fill == Fill::constant)
      least = std::min(least, how.cval), greatest = std::max(greatest, how.cval);
    value = std::clamp(value, least, greatest);
  }
  return {value, 2 * off * step * (is_cubic ? 1.5 * 1.375 : 1) + 1e-5};
}

void compare(const AffineChange& change, const Resampling& how) {
  const std::vector<float> image = picture();
  std::vector<float> warped(image.size(), -1.0f);
  warp(image.data(), warped.data(), height, width, affine_matrix(change, height, width), how);
  int wrong = 0;
  for (int r = 0; r < height; ++r)
    for (int c = 0; c < width; ++c) {
      const Place at = place(change, r, c);
      const double got = warped[r * width + c];
      bool good = false;
      if (how.interpolation == Interpolation::nearest) {  // half-way, either neighbour will do
        for (const double dr : {-off, off})
          for (const double dc : {-off, off})
            good |= got == pixel(image, static_cast<int>(std::lround(at.row + dr)),
                                 static_cast<int>(std::lround(at.column + dc)), how);
      } else {
        const Expected want = expected(image, at, how);
        good = std::abs(got - want.value) <= want.tolerance;
      }
      wrong += !good;
    }
  CHECK(wrong == 0);
}

const std::vector<AffineChange> changes = {
    {},
    {.rotation = 25},
    {.rotation = -160},
    {.height_shift = 3.3},
    {.width_shift = -4.7},
    {.height_shift = 60, .width_shift = -55},  // past the picture, more than twice
    {.shear = 20},
    {.shear = -35},
    {.zoom_height = 0.6},
    {.zoom_width = 1.7},
    {.zoom_height = 4, .zoom_width = 3},
    {.horizontal_flip = true},
    {.vertical_flip = true},
    {.rotation = -12,
     .height_shift = 1.4,
     .width_shift = 2.2,
     .shear = 14,
     .zoom_height = 1.2,
     .zoom_width = 0.85,
     .horizontal_flip = true},
    {.rotation = 40,
     .height_shift = -5,
     .width_shift = 3,
     .shear = -20,
     .zoom_height = 1.8,
     .zoom_width = 1.3,
     .horizontal_flip = true,
     .vertical_flip = true},
};

}  // namespace

TEST_CASE("warp: every component and all together, with every fill and interpolation") {
  for (const Interpolation interpolation :
       {Interpolation::nearest, Interpolation::bilinear, Interpolation::cubic})
    for (const Fill fill : {Fill::nearest, Fill::constant, Fill::reflect, Fill::wrap})
      for (std::size_t i = 0; i < changes.size(); ++i) {
        CAPTURE(static_cast<int>(interpolation));
        CAPTURE(static_cast<int>(fill));
        CAPTURE(i);
        compare(changes[i], {interpolation, fill, 0.25});
      }
}

TEST_CASE("warp: the four fills beside a line of four pixels") {
  const std::vector<float> line = {1, 2, 3, 4};
  const auto shifted = [&](Fill fill, double pixels) {
    std::vector<float> out(4);
    warp(line.data(), out.data(), 1, 4, affine_matrix({.width_shift = pixels}, 1, 4),
         {Interpolation::bilinear, fill, 9});
    return out;
  };
  CHECK(shifted(Fill::nearest, 2) == std::vector<float>{3, 4, 4, 4});
  CHECK(shifted(Fill::nearest, -2) == std::vector<float>{1, 1, 1, 2});
  CHECK(shifted(Fill::constant, 2) == std::vector<float>{3, 4, 9, 9});
  CHECK(shifted(Fill::constant, -2) == std::vector<float>{9, 9, 1, 2});
  CHECK(shifted(Fill::reflect, 4) == std::vector<float>{4, 3, 2, 1});
  CHECK(shifted(Fill::reflect, -4) == std::vector<float>{4, 3, 2, 1});
  CHECK(shifted(Fill::wrap, 3) == std::vector<float>{4, 1, 2, 3});
  CHECK(shifted(Fill::wrap, -1) == std::vector<float>{4, 1, 2, 3});
}

TEST_CASE("warp: which way a picture goes") {
  std::vector<float> dot(25, 0.0f), out(25);
  dot[0 * 5 + 2] = 1;  // the middle of the top row
  const auto after = [&](const AffineChange& change) {
    warp(dot.data(), out.data(), 5, 5, affine_matrix(change, 5, 5),
         {Interpolation::nearest, Fill::constant, 0});
    return std::max_element(out.begin(), out.end()) - out.begin();
  };
  CHECK(after({}) == 2);
  CHECK(after({.rotation = 90}) == 2 * 5 + 4);      // clockwise: the middle of the right side
  CHECK(after({.height_shift = -3}) == 3 * 5 + 2);  // below 0: down
  CHECK(after({.width_shift = 2}) == 0);            // above 0: left
  CHECK(after({.vertical_flip = true}) == 4 * 5 + 2);
  CHECK(after({.zoom_height = 2}) == 1 * 5 + 2);  // above 1: smaller
}

TEST_CASE("warp: cubic does not leave the range of the values") {
  std::vector<float> step(16 * 16), out(step.size());
  for (std::size_t i = 0; i < step.size(); ++i) step[i] = i % 16 < 8 ? 0.0f : 1.0f;
  const AffineMatrix matrix = affine_matrix({.width_shift = 0.5}, 16, 16);
  warp(step.data(), out.data(), 16, 16, matrix, {Interpolation::cubic, Fill::nearest, 0});
  CHECK(*std::min_element(out.begin(), out.end()) == 0.0f);
  CHECK(*std::max_element(out.begin(), out.end()) == 1.0f);
}
