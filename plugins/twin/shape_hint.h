#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "twinflow/twin/shape.h"

namespace twinflow::twin {

/// What the node that reads images needs to give them so many channels: empty where no mode does.
inline std::string_view color_mode_hint(std::size_t channels) {
  return channels == 1 ? "color_mode = \"grey\"" : channels == 3 ? "color_mode = \"color\"" : "";
}

/// How images have to be read that are of `found` and have to be of `wanted`: what to write into the node
/// that reads them. For the end of a sentence.
inline std::string shape_hint(Shape wanted, Shape found) {
  std::string how;
  if (wanted.height != found.height || wanted.width != found.width)
    how = wanted.height == wanted.width ? fmt::format("size = {}", wanted.height)
                                        : fmt::format("height = {}, width = {}", wanted.height, wanted.width);
  const std::string_view mode = color_mode_hint(wanted.channels);
  if (wanted.channels != found.channels && !mode.empty())
    how += fmt::format("{}{}", how.empty() ? "" : ", ", mode);
  return how.empty() ? "" : "; read them with " + how;
}

}  // namespace twinflow::twin
