#pragma once

#include <fmt/format.h>

#include <string>

#include "temp_folder.h"

/// A folder of images to learn from: a class is a number of bars of a brightness, an image of it its own
/// place; PPM, in colour, of several sizes.
namespace bars {

inline std::string picture(int of_class, int sample) {
  const int width = 40 + sample, height = 60 - 2 * sample;
  std::string file = fmt::format("P6 {} {} 255\n", width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int period = 4 + of_class;
      const bool bar = (of_class % 2 ? x + 2 * sample : y + sample) % period < period / 2;
      file += {static_cast<char>(bar ? 220 : 20), static_cast<char>(bar ? 180 : 40), static_cast<char>(60)};
    }
  return file;
}

/// 25 classes of 4 images, as the folder "mine".
inline void write_folder(const TempFolder& temp) {
  for (int of_class = 0; of_class < 25; ++of_class)
    for (int sample = 0; sample < 4; ++sample)
      temp.write(fmt::format("mine/class{}/{}.ppm", of_class, sample), picture(of_class, sample));
}

}  // namespace bars
