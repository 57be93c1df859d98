#pragma once

#include <doctest/doctest.h>
#include <png.h>

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/monitor/contact_sheet.h"

/// A PNG image as libpng reads it.
struct Png {
  std::size_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;

  twinflow::monitor::Colour at(std::size_t y, std::size_t x) const {
    REQUIRE(x < width);
    REQUIRE(y < height);
    const std::uint8_t* pixel = rgb.data() + 3 * (y * width + x);
    return {pixel[0], pixel[1], pixel[2]};
  }
  /// The pixels of a line of text.
  std::vector<twinflow::monitor::Colour> line(std::size_t y, std::size_t x, std::size_t count) const {
    std::vector<twinflow::monitor::Colour> all;
    for (std::size_t row = y; row < y + twinflow::monitor::SheetMeasures::line; ++row)
      for (std::size_t column = x; column < x + count; ++column) all.push_back(at(row, column));
    return all;
  }
};

inline Png decode_png(const std::string& bytes) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
  image.format = PNG_FORMAT_RGB;
  Png png{image.width, image.height, std::vector<std::uint8_t>(PNG_IMAGE_SIZE(image))};
  REQUIRE(png_image_finish_read(&image, nullptr, png.rgb.data(), 0, nullptr));
  return png;
}
