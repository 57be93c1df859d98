#include "warp.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace twinflow::augment {
namespace {

int cv_interpolation(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::nearest:
      return cv::INTER_NEAREST;
    case Interpolation::bilinear:
      return cv::INTER_LINEAR;
    case Interpolation::cubic:
      break;
  }
  return cv::INTER_CUBIC;
}

}  // namespace

std::vector<std::pair<std::string, Fill>> fill_names() {
  return {{"nearest", Fill::nearest},
          {"constant", Fill::constant},
          {"reflect", Fill::reflect},
          {"wrap", Fill::wrap}};
}

int cv_border(Fill fill) {
  switch (fill) {
    case Fill::nearest:
      return cv::BORDER_REPLICATE;
    case Fill::constant:
      return cv::BORDER_CONSTANT;
    case Fill::reflect:
      return cv::BORDER_REFLECT;
    case Fill::wrap:
      break;
  }
  return cv::BORDER_WRAP;
}

void warp(const float* source, float* target, std::size_t height, std::size_t width,
          const AffineMatrix& matrix, const Resampling& how) {
  const int rows = static_cast<int>(height), columns = static_cast<int>(width);
  const cv::Mat from(rows, columns, CV_32F, const_cast<float*>(source));  // only read
  cv::Mat to(rows, columns, CV_32F, target);
  // OpenCV's x is the column, and comes first.
  const cv::Matx23d xy(matrix[4], matrix[3], matrix[5], matrix[1], matrix[0], matrix[2]);
  cv::warpAffine(from, to, xy, to.size(), cv_interpolation(how.interpolation) | cv::WARP_INVERSE_MAP,
                 cv_border(how.fill), cv::Scalar(how.cval));

  if (how.interpolation == Interpolation::cubic) {
    const std::size_t size = height * width;
    const auto [least, greatest] = std::minmax_element(source, source + size);
    float low = *least, high = *greatest;
    if (how.fill == Fill::constant) {
      low = std::min(low, static_cast<float>(how.cval));
      high = std::max(high, static_cast<float>(how.cval));
    }
    std::transform(target, target + size, target, [&](float value) { return std::clamp(value, low, high); });
  }
}

}  // namespace twinflow::augment
