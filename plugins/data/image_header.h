#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace twinflow::data {

/// What an image file says of its picture, before that is decoded.
struct ImageHeader {
  std::uint64_t width = 0, height = 0;  // pixels
  std::uint64_t pixel_bytes = 4;        // that decoding a pixel takes, at most

  /// That decoding the picture takes. Saturates.
  std::uint64_t bytes() const;
};

/// From the header of a PNG, JPEG, BMP, TIFF, WebP, JPEG 2000 or PNM file: the formats that OpenCV decodes in
/// memory. Empty for any other, and where the header is damaged or cut short. Of a TIFF with several pictures
/// the first counts, as it is the one that is decoded.
std::optional<ImageHeader> image_header(std::span<const std::uint8_t> file);

}  // namespace twinflow::data
