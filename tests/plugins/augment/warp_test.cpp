#include "plugins/augment/warp.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/random.h"

// Against a slow, obvious resampler in double precision that knows no matrices: it undoes one component after
// the other.

using namespace twinflow;
using namespace twinflow::augment;

namespace {

constexpr int height = 23, width = 18;

// Places are computed in f32; the farthest are about 100 pixels away.
constexpr double off = 2e-5;
// Neighbours differ by less than 0.1, on both axes; a cubic value moves by up to twice as much.
constexpr double tolerance = 1e-5;

std::vector<std::uint8_t> picture() {  // no symmetry, its sides unlike each other
  std::vector<std::uint8_t> pixels(height * width);
  for (int r = 0; r < height; ++r)
    for (int c = 0; c < width; ++c)
      pixels[r * width + c] = static_cast<std::uint8_t>(128 + 50 * std::sin(0.31 * r + 0.4) +
                                                        50 * std::cos(0.23 * c * (1 + 0.05 * r)));
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
  return row < 0 || column < 0 ? static_cast<float>(how.cval) : image[row * width + column];
}

/// Keys' cubic kernel with a = -0.75.
double cubic(double x) {
  const double a = -0.75;
  x = std::abs(x);
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}
double linear(double x) { return std::max(0.0, 1 - std::abs(x)); }

double expected(const std::vector<float>& image, const Place& at, const Resampling& how) {
  const int r0 = static_cast<int>(std::floor(at.row)), c0 = static_cast<int>(std::floor(at.column));
  const bool is_cubic = how.interpolation == Interpolation::cubic;
  double value = 0;
  for (int r = r0 - 2; r <= r0 + 3; ++r)
    for (int c = c0 - 2; c <= c0 + 3; ++c) {
      const double weight =
          is_cubic ? cubic(at.row - r) * cubic(at.column - c) : linear(at.row - r) * linear(at.column - c);
      value += weight * pixel(image, r, c, how);
    }
  if (is_cubic) {  // held in the range of the values
    auto [low, high] = std::minmax_element(image.begin(), image.end());
    double least = *low, greatest = *high;
    if (how.fill == Fill::constant)
      least = std::min(least, how.cval), greatest = std::max(greatest, how.cval);
    value = std::clamp(value, least, greatest);
  }
  return value;
}

/// How many pixels of `warped` are not what they should be.
int wrong_pixels(const std::vector<float>& image, const std::vector<float>& warped,
                 const AffineChange& change, const Resampling& how) {
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
        good = std::abs(got - expected(image, at, how)) <= tolerance;
      }
      wrong += !good;
    }
  return wrong;
}

void compare(const AffineChange& change, const Resampling& how) {
  const std::vector<std::uint8_t> bytes = picture();
  std::vector<float> image(bytes.size()), warped(bytes.size(), -1.0f);
  std::transform(bytes.begin(), bytes.end(), image.begin(), unit_pixel);
  const AffineMatrix matrix = affine_matrix(change, height, width);
  warp(image.data(), warped.data(), height, width, matrix, how);
  CHECK(wrong_pixels(image, warped, change, how) == 0);
  std::fill(warped.begin(), warped.end(), -1.0f);
  warp(bytes.data(), warped.data(), height, width, matrix, how);
  CHECK(wrong_pixels(image, warped, change, how) == 0);
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
        compare(changes[i], {interpolation, fill, 0.2});  // 51 of 255: a byte can hold it
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

TEST_CASE("warp: edges as scipy has them, beside a line of four pixels") {
  const auto shifted = [&](Fill fill, double pixels, const auto& line) {
    std::vector<float> out(4);
    warp(line.data(), out.data(), 1, 4, affine_matrix({.width_shift = pixels}, 1, 4),
         {Interpolation::bilinear, fill, 1, Compat::keras_1_1});
    return out;
  };
  const std::vector<float> line = {0, 0.2f, 0.4f, 0.8f};
  const std::vector<std::uint8_t> bytes = {0, 51, 102, 204};
  const auto check = [&](Fill fill, double pixels, const std::vector<double>& wanted) {
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(shifted(fill, pixels, line)[i] == doctest::Approx(wanted[i]).epsilon(1e-5));
      CHECK(shifted(fill, pixels, bytes)[i] == doctest::Approx(wanted[i]).epsilon(1e-5));
    }
  };
  check(Fill::constant, 0, {0, 0.2, 0.4, 0.8});
  check(Fill::constant, 0.5, {0.1, 0.3, 0.6, 1});  // not blended
  check(Fill::constant, -0.5, {1, 0.1, 0.3, 0.6});
  check(Fill::wrap, 0, {0, 0.2, 0.4, 0.8});
  check(Fill::wrap, 1.5, {0.3, 0.6, 0.1, 0.3});  // after the last pixel comes the second
  check(Fill::wrap, -1.5, {0.3, 0.6, 0.1, 0.3});
}

TEST_CASE("warp: bytes and floats are equal bit for bit where nothing is interpolated") {
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  std::vector<float> floats(256), out(256);
  std::transform(bytes.begin(), bytes.end(), floats.begin(), unit_pixel);
  for (const Interpolation interpolation :
       {Interpolation::nearest, Interpolation::bilinear, Interpolation::cubic}) {
    warp(bytes.data(), out.data(), 16, 16, affine_matrix({}, 16, 16), {interpolation});
    CHECK(out == floats);
    warp(floats.data(), out.data(), 16, 16, affine_matrix({}, 16, 16), {interpolation});
    CHECK(out == floats);
  }
}

TEST_CASE("warp reads nothing outside of the image, whatever the matrix") {
  // What lies around an image in memory is hardly ever between 100 and 110; the address sanitizer knows
  // better.
  constexpr double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> odd = {0,    1,     -1,   1e-30, 0.5,    -1e3, 32767, 1e7,         1e9,
                                   -1e9, 2.2e9, 1e30, 1e38,  -1e300, inf,  -inf,  std::nan("")};
  Random random(5, 0, 0);
  for (int round = 0; round < 4000; ++round) {
    const std::size_t rows = 1 + random.below(9), columns = 1 + random.below(40);
    AffineMatrix matrix;
    for (double& one : matrix)
      one = random.coin(0.3) ? odd[random.below(odd.size())]
                             : random.uniform(-3, 3) * std::pow(10, random.below(5));
    Resampling how;
    how.interpolation = static_cast<Interpolation>(random.below(3));
    how.fill = static_cast<Fill>(random.below(4));
    how.cval = random.coin(0.5) ? 105 / 255.0 : 0.412;
    how.compat = random.coin(0.5) ? Compat::keras_1_1 : Compat::none;
    std::vector<std::uint8_t> bytes(rows * columns);
    for (auto& one : bytes) one = static_cast<std::uint8_t>(100 + random.below(11));
    std::vector<float> floats(bytes.size()), out(bytes.size() + 2, -7.0f);
    std::transform(bytes.begin(), bytes.end(), floats.begin(), unit_pixel);
    const auto check = [&](const auto& source) {
      std::fill(out.begin(), out.end(), -7.0f);
      warp(source.data(), out.data() + 1, rows, columns, matrix, how);
      bool good = out.front() == -7.0f && out.back() == -7.0f;
      for (std::size_t i = 1; i + 1 < out.size(); ++i)
        good &= out[i] > 99.99f / 255 && out[i] < 110.01f / 255;
      CAPTURE(round);
      CHECK(good);
    };
    check(bytes);
    check(floats);
  }
}

TEST_CASE("from_unturned: reading with it is like turning the image first") {
  constexpr std::size_t side = 7;
  Random random(3, 0, 0);
  std::vector<float> image(side * side), turned = image, once = image, wanted = image, got = image;
  for (float& pixel : image) pixel = static_cast<float>(random.uniform());
  turned = image;
  const AffineMatrix matrix = affine_matrix(
      {.rotation = 17, .height_shift = 1.3, .width_shift = -2.1, .shear = 9, .zoom_height = 0.8}, side, side);
  for (int turns = 0; turns < 4; ++turns) {
    for (const Fill fill : {Fill::nearest, Fill::constant, Fill::reflect, Fill::wrap}) {
      warp(turned.data(), wanted.data(), side, side, matrix, {Interpolation::bilinear, fill, 0.5});
      warp(image.data(), got.data(), side, side, from_unturned(matrix, turns, side),
           {Interpolation::bilinear, fill, 0.5});
      for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(wanted[i]).epsilon(1e-5));
    }
    once = turned;  // a quarter more, counter-clockwise: the right side becomes the top
    for (std::size_t r = 0; r < side; ++r)
      for (std::size_t c = 0; c < side; ++c) turned[r * side + c] = once[c * side + (side - 1 - r)];
  }
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
