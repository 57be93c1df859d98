#pragma once

#include <cstddef>
#include <optional>

#include "twinflow/node.h"

namespace twinflow::augment {

/// The size that a node gives its images.
struct TargetSize {
  std::size_t size = 0, height = 0, width = 0;  // pixels; 0: not given

  std::size_t target_height() const { return size > 0 ? size : height; }
  std::size_t target_width() const { return size > 0 ? size : width; }

  template <class Type>
  static void describe_size(NodeSpec<Type>& spec) {
    spec.param("size", &TargetSize::size).unit("pixels").range(0, 32767).doc("height and width in one");
    spec.param("height", &TargetSize::height)
        .unit("pixels")
        .range(0, 32767)
        .doc("height, where size is not given");
    spec.param("width", &TargetSize::width)
        .unit("pixels")
        .range(0, 32767)
        .doc("width, where size is not given");
    spec.image_shape(&TargetSize::image_shape);
  }
  std::optional<ImageShape> image_shape(std::optional<ImageShape> fed) const {
    if (fed) fed = {fed->channels, target_height(), target_width()};
    return fed;
  }
  void check_size(const Checking& checking) const {
    if (size > 0 ? height > 0 || width > 0 : height == 0 || width == 0)
      checking.error("size", "needs either size, or height and width");
  }
};

}  // namespace twinflow::augment
