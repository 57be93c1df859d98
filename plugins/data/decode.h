#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "image_header.h"
#include "twinflow/memory.h"

namespace twinflow::data {

/// The picture in a file of any format that OpenCV reads: CV_8UC1, or with `colour` CV_8UC3 in the order red,
/// green, blue; upright as EXIF says; what is transparent lies on white; 16 bit are scaled to 8. Throws
/// Error, with `where` in front, for a file that is empty, cut short, damaged or no image, and, before memory
/// is allocated for it, for an image that does not fit into the memory that is left, with one for each thread
/// of the arena, or is larger than OpenCV allows (2^30 pixels, or OPENCV_IO_MAX_IMAGE_PIXELS of the
/// environment). Throws OutOfMemory where memory runs out all the same. May be called from any thread. The
/// first call loads OpenCV's readers.
cv::Mat decode_image(const std::vector<std::uint8_t>& bytes, const std::string& where, bool colour);

/// The picture in a file. Throws Error, which names the file, also when it cannot be read.
cv::Mat read_image(const std::filesystem::path& file, bool colour);

/// Throws Error when decoding such a picture, on each of so many threads at once, takes more memory than
/// that.
void require_room(const ImageHeader& header, const std::string& where, Memory memory, int threads);

/// A file's name in a sentence, and as `where`.
std::string quoted(const std::filesystem::path& file);

}  // namespace twinflow::data
