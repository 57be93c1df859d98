#pragma once

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "fake_omniglot.h"

/// Pictures to write and to look for again.
namespace fake {

/// A picture that differs everywhere: pixel (y, x) of channel c is start + 3 y + 5 x + 40 c.
inline cv::Mat slope(int height, int width, int channels = 3, int start = 0) {
  cv::Mat picture(height, width, CV_8UC(channels));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        picture.ptr(y)[x * channels + c] = static_cast<std::uint8_t>(start + 3 * y + 5 * x + 40 * c);
  return picture;
}

/// As a file of that ending; a picture of three or four channels is given as blue, green, red.
inline Bytes encoded(const std::string& ending, const cv::Mat& picture,
                     const std::vector<int>& settings = {}) {
  Bytes bytes;
  REQUIRE(cv::imencode(ending, picture, bytes, settings));
  return bytes;
}

}  // namespace fake
