#pragma once

#include <opencv2/core.hpp>

#include "twinflow/images.h"

namespace twinflow::augment {

/// One channel of an image, as OpenCV sees it: the pixels themselves, no copy.
inline cv::Mat cv_plane(Images& images, std::size_t i, std::size_t channel) {
  return cv::Mat(static_cast<int>(images.height), static_cast<int>(images.width), CV_32F,
                 images.plane(i, channel));
}

}  // namespace twinflow::augment
