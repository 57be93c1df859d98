#pragma once

#include <cstddef>
#include <cstdint>

#include "collection.h"

namespace twinflow::data {

/// How the pictures of a data set of dark strokes on white, 105 x 105, are stored.
struct PictureForm {
  static constexpr int drawn = 105;  // pixels, height and width, before resizing
  std::size_t size = drawn;          // pixels, height and width
  bool invert = true;  // bright strokes on black: a convolution's zero padding then continues the paper
};

/// Turns a grey picture of drawn x drawn pixels, dark on white, into its stored form: inverted, then each new
/// pixel the mean of the area it covers. `to` has size * size bytes.
void store_picture(const std::uint8_t* grey, const PictureForm& form, std::uint8_t* to);

/// Decodes a PNG of drawn x drawn pixels and stores it. Throws Error naming collection and file when the file
/// is empty, damaged, no PNG or of another size.
void store_png(const Collection& collection, const File& file, const PictureForm& form, std::uint8_t* to);

}  // namespace twinflow::data
