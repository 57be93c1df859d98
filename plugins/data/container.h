#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace twinflow::data {

/// Looks whether a PNG, JPEG or BMP file is whole, before it is decoded: the libraries behind OpenCV fill up
/// the picture of a JPEG that was cut short with grey, and tell the terminal, but not the caller, what they
/// think of a PNG. Gives the bytes to decode: the file's, or, for a PNG with text, colour profiles and other
/// parts that do not concern its pixels, those without them, in `scratch`, and nothing behind its end. A file
/// of any other format passes as it is. Throws Error, with `where` in front, for a file that is empty, cut
/// short or, for a PNG, has a checksum that is not right.
std::span<const std::uint8_t> whole_image_file(std::span<const std::uint8_t> bytes, const std::string& where,
                                               std::vector<std::uint8_t>& scratch);

}  // namespace twinflow::data
