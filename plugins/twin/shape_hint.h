#pragma once

#include <fmt/format.h>

#include <string>

#include "twinflow/twin/shape.h"

namespace twinflow::twin {

/// How images have to be read that are of `found` and have to be of `wanted`: what to write into the node
/// that reads them. For the end of a sentence.
inline std::string shape_hint(Shape wanted, Shape found) {
  std::string how;
  if (wanted.height != found.height || wanted.width != found.width)
    how = wanted.height == wanted.width ? fmt::format("size = {}", wanted.height)
                                        : fmt::format("height = {}, width = {}", wanted.height, wanted.width);
  if (wanted.channels != found.channels && (wanted.channels == 1 || wanted.channels == 3))
    how += fmt::format("{}color_mode = \"{}\"", how.empty() ? "" : ", ",
                       wanted.channels == 1 ? "grey" : "color");
  return how.empty() ? "" : "; read them with " + how;
}

}  // namespace twinflow::twin
