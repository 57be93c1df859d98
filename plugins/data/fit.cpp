#include "fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "twinflow/error.h"

namespace twinflow::data {

namespace {

cv::Mat resized(const cv::Mat& picture, const cv::Size& size) {
  if (picture.size() == size) return picture;
  // First what shrinks, then what grows: INTER_AREA is itself only where nothing grows.
  const cv::Size smaller(std::min(size.width, picture.cols), std::min(size.height, picture.rows));
  cv::Mat shrunk = picture, made;
  if (smaller != picture.size()) cv::resize(picture, shrunk, smaller, 0, 0, cv::INTER_AREA);
  if (smaller == size) return shrunk;
  cv::resize(shrunk, made, size, 0, 0, cv::INTER_LINEAR);
  return made;
}

/// The median of each channel over the outermost pixels: a stroke that touches the edge does not count.
cv::Scalar border_colour(const cv::Mat& picture) {
  cv::Scalar colour;
  for (int channel = 0; channel < picture.channels(); ++channel) {
    std::vector<std::uint8_t> border;
    const auto take = [&](int y, int x) {
      border.push_back(picture.ptr(y)[x * picture.channels() + channel]);
    };
    for (int x = 0; x < picture.cols; ++x) take(0, x), take(picture.rows - 1, x);
    for (int y = 1; y + 1 < picture.rows; ++y) take(y, 0), take(y, picture.cols - 1);
    const auto middle = border.begin() + static_cast<std::ptrdiff_t>(border.size() / 2);
    std::nth_element(border.begin(), middle, border.end());
    colour[channel] = *middle;
  }
  return colour;
}

/// `factor` times a length, in whole pixels, but at least one and at most `most`.
int scaled(int length, double factor, int most) {
  return std::clamp(static_cast<int>(std::lround(length * factor)), 1, most);
}

cv::Mat padded(const cv::Mat& picture, const cv::Size& size) {
  const double factor = std::min(static_cast<double>(size.width) / picture.cols,
                                 static_cast<double>(size.height) / picture.rows);
  const cv::Mat inner =
      resized(picture, {scaled(picture.cols, factor, size.width), scaled(picture.rows, factor, size.height)});
  const int left = (size.width - inner.cols) / 2, top = (size.height - inner.rows) / 2;
  cv::Mat made;
  cv::copyMakeBorder(inner, made, top, size.height - inner.rows - top, left, size.width - inner.cols - left,
                     cv::BORDER_CONSTANT | cv::BORDER_ISOLATED, border_colour(picture));
  return made;
}

cv::Mat cropped(const cv::Mat& picture, const cv::Size& size) {
  const double factor = std::max(static_cast<double>(size.width) / picture.cols,
                                 static_cast<double>(size.height) / picture.rows);
  const int width = scaled(size.width, 1 / factor, picture.cols),
            height = scaled(size.height, 1 / factor, picture.rows);
  return resized(picture({(picture.cols - width) / 2, (picture.rows - height) / 2, width, height}), size);
}

}  // namespace

void fit_image(const cv::Mat& picture, const Fit& fit, const std::string& where, std::uint8_t* to) {
  const cv::Size size(static_cast<int>(fit.width), static_cast<int>(fit.height));
  cv::Mat fitted;
  switch (fit.how) {
    case Fit::How::stretch:
      fitted = resized(picture, size);
      break;
    case Fit::How::pad:
      fitted = padded(picture, size);
      break;
    case Fit::How::crop:
      fitted = cropped(picture, size);
      break;
    case Fit::How::strict:
      if (picture.size() != size)
        throw Error(fmt::format("{}: the image is {} x {} pixels, not {} x {}", where, picture.cols,
                                picture.rows, size.width, size.height));
      fitted = picture;
  }
  std::vector<cv::Mat> planes;
  for (int channel = 0; channel < fitted.channels(); ++channel)
    planes.emplace_back(size, CV_8U, to + static_cast<std::size_t>(channel) * fit.height * fit.width);
  cv::split(fitted, planes);
  if (fit.invert)
    std::transform(to, to + planes.size() * fit.height * fit.width, to,
                   [](std::uint8_t value) { return static_cast<std::uint8_t>(255 - value); });
}

}  // namespace twinflow::data
