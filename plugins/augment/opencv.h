#pragma once

#include <opencv2/core.hpp>

#include "twinflow/images.h"
#include "warp.h"

/// Our things, as OpenCV has them.
namespace twinflow::augment {

/// One channel of an image: the pixels themselves, no copy.
inline cv::Mat cv_plane(Images& images, std::size_t i, std::size_t channel) {
  return cv::Mat(static_cast<int>(images.height), static_cast<int>(images.width), CV_32F,
                 images.plane(i, channel));
}

inline int cv_border(Fill fill) {
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

}  // namespace twinflow::augment
