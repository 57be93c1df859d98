#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "image_loading.h"
#include "twinflow/node.h"

namespace twinflow::data {

/// The parameters that say how files become images of one size: data.images and data.pairs have them as a
/// base.
class ImageSettings {
 protected:
  template <class Type>
  static void describe_settings(NodeSpec<Type>& spec);
  void check_settings(const Checking& checking) const;
  std::optional<ImageShape> image_shape(std::optional<ImageShape>) const;
  Loading loading(std::function<void(const std::string&)> say) const;

 private:
  enum class ColorMode { grey, color };

  std::size_t size = 0, height = 0, width = 0;  // pixels; 0: not given
  Fit::How fit = Fit::How::stretch;
  ColorMode color_mode = ColorMode::grey;
  bool invert = false;
  std::size_t memory = 2048;  // MiB
};

template <class Type>
void ImageSettings::describe_settings(NodeSpec<Type>& spec) {
  spec.param("size", &ImageSettings::size)
      .unit("pixels")
      .range(0, 32767)
      .doc("height and width of the images; 0: height and width apply");
  spec.param("height", &ImageSettings::height)
      .unit("pixels")
      .range(0, 32767)
      .doc("height of the images; when size, height and width are 0, that of the first image");
  spec.param("width", &ImageSettings::width).unit("pixels").range(0, 32767).doc("width, likewise");
  spec.param("fit", &ImageSettings::fit)
      .names({{"stretch", Fit::How::stretch},
              {"pad", Fit::How::pad},
              {"crop", Fit::How::crop},
              {"strict", Fit::How::strict}})
      .doc(
          "how an image of another size is fitted: stretched; whole, with the median colour of its border "
          "around it; cut to the largest part in its middle that has the proportions; or not at all: it is a "
          "bad image");
  spec.param("color_mode", &ImageSettings::color_mode)
      .names({{"grey", ColorMode::grey}, {"color", ColorMode::color}})
      .doc("one channel, or red, green and blue");
  spec.param("invert", &ImageSettings::invert).doc("white becomes black: for dark strokes on white paper");
  spec.param("memory", &ImageSettings::memory)
      .unit("MiB")
      .range(0, 1e9)
      .doc("how much of the images is kept decoded; what does not fit is decoded when it is looked at");
  spec.image_shape(&ImageSettings::image_shape);
}

}  // namespace twinflow::data
