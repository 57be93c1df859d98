#include "image_settings.h"

#include <utility>

namespace twinflow::data {

void ImageSettings::check_settings(const Checking& checking) const {
  if (size > 0 && (height > 0 || width > 0))
    checking.error("size", "give either size, or height and width, not both");
  else if ((height > 0) != (width > 0))
    checking.error(height > 0 ? "height" : "width", "give both height and width, or none of them");
}

std::optional<ImageShape> ImageSettings::image_shape(std::optional<ImageShape>) const {
  if (size == 0 && height == 0) return std::nullopt;  // the first file decides
  return {{color_mode == ColorMode::color ? 3u : 1u, size > 0 ? size : height, size > 0 ? size : width}};
}

Loading ImageSettings::loading(std::function<void(const std::string&)> say) const {
  return {.fit = {.height = size > 0 ? size : height,
                  .width = size > 0 ? size : width,
                  .how = fit,
                  .colour = color_mode == ColorMode::color,
                  .invert = invert},
          .memory = memory << 20,
          .say = std::move(say)};
}

}  // namespace twinflow::data
