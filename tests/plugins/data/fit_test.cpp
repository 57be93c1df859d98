#include "plugins/data/fit.h"

#include <doctest/doctest.h>

#include <vector>

#include "pictures.h"

using namespace twinflow::data;
using How = Fit::How;

namespace {

using Pixels = std::vector<int>;

Pixels fitted(const cv::Mat& picture, const Fit& fit) {
  std::vector<std::uint8_t> to(fit.height * fit.width * static_cast<std::size_t>(picture.channels()), 99);
  fit_image(picture, fit, "here", to.data());
  return {to.begin(), to.end()};
}

cv::Mat row(const std::vector<std::uint8_t>& values) { return cv::Mat(values, true).reshape(1, 1); }

}  // namespace

TEST_CASE("stretched: the mean of the area where it shrinks, between the nearest where it grows") {
  CHECK(fitted(row({0, 10, 20, 40}), {.height = 1, .width = 2}) == Pixels{5, 30});
  CHECK(fitted(row({0, 100}), {.height = 1, .width = 4}) == Pixels{0, 25, 75, 100});
  // narrower and taller at once: means across, the same rows down
  CHECK(fitted(row({0, 10, 20, 40}), {.height = 2, .width = 1}) == Pixels{18, 18});
  CHECK(fitted(row({1, 2, 3}), {.height = 1, .width = 3}) == Pixels{1, 2, 3});
}

TEST_CASE("padded: in the middle, about it the median of the border") {
  // 2 x 4 into 4 x 4: two rows of the border's median above and below, the odd one below
  const cv::Mat wide = (cv::Mat_<std::uint8_t>(2, 4) << 7, 7, 0, 7, 7, 9, 7, 1);
  CHECK(fitted(wide, {.height = 5, .width = 4, .how = How::pad}) ==
        Pixels{7, 7, 7, 7, 7, 7, 0, 7, 7, 9, 7, 1, 7, 7, 7, 7, 7, 7, 7, 7});
  CHECK(fitted(row({0, 10, 20, 40}), {.height = 2, .width = 2, .how = How::pad}) == Pixels{5, 30, 20, 20});
  // very long: at least a pixel is left of it
  CHECK(fitted(cv::Mat(1, 100, CV_8U, cv::Scalar(3)), {.height = 3, .width = 3, .how = How::pad}) ==
        Pixels(9, 3));
}

TEST_CASE("cropped: the largest part in the middle") {
  CHECK(fitted(row({0, 10, 20, 40}), {.height = 1, .width = 2, .how = How::crop}) == Pixels{10, 20});
  const cv::Mat square = fake::slope(4, 4, 1);  // 3 y + 5 x
  CHECK(fitted(square, {.height = 1, .width = 2, .how = How::crop}) ==
        Pixels{7, 17});  // rows 1, 2: 0, 5, 10, 15 + 4.5
  CHECK(fitted(square, {.height = 4, .width = 2, .how = How::crop}) == Pixels{5, 10, 8, 13, 11, 16, 14, 19});
}

TEST_CASE("strict: that size or an error") {
  const Fit fit{.height = 1, .width = 3, .how = How::strict};
  CHECK(fitted(row({1, 2, 3}), fit) == Pixels{1, 2, 3});
  CHECK(fake::error_of([&] { fitted(row({1, 2}), fit); }) == "here: the image is 2 x 1 pixels, not 3 x 1");
  CHECK(fake::error_of([&] { fitted(cv::Mat(3, 1, CV_8U, cv::Scalar(0)), fit); }) ==
        "here: the image is 1 x 3 pixels, not 3 x 1");
}

TEST_CASE("colours lie one after the other, inverted last") {
  const cv::Mat picture = fake::slope(1, 2);  // 0 40 80, 5 45 85
  CHECK(fitted(picture, {.height = 1, .width = 2, .colour = true}) == Pixels{0, 5, 40, 45, 80, 85});
  CHECK(fitted(picture, {.height = 1, .width = 2, .colour = true, .invert = true}) ==
        Pixels{255, 250, 215, 210, 175, 170});
  CHECK(fitted(picture, {.height = 3, .width = 2, .how = How::pad, .colour = true}) ==
        Pixels{5, 5, 0, 5, 5, 5, 45, 45, 40, 45, 45, 45, 85, 85, 80, 85, 85, 85});
}
