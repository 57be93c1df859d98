#pragma once

#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>

namespace twinflow::data {

/// How pictures of any size become images of one. Each new pixel is the mean of the area that it covers where
/// a picture shrinks, and lies between the nearest four where it grows.
struct Fit {
  enum class How {
    stretch,  // to the new height and width, whatever that does to the proportions
    pad,      // all of it, in proportion, in the middle; around it the median colour of its own border
    crop,     // as large a part from its middle as has the proportions, to whole pixels
    strict    // only pictures of that very size are taken
  };
  std::size_t height = 0, width = 0;  // pixels, of the images
  How how = How::stretch;
  bool colour = false;  // three channels rather than one
  bool invert = false;  // white becomes black
};

/// Writes the picture, of 8 bits and as many channels as `fit` says, as an image of a PixelStore: one channel
/// after the other, channels * height * width bytes. Throws Error, with `where` in front and both sizes, when
/// a strict fit meets another size.
void fit_image(const cv::Mat& picture, const Fit& fit, const std::string& where, std::uint8_t* to);

}  // namespace twinflow::data
