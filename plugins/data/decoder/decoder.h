#pragma once

#include <cstddef>
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>

/// The one call of libtwinflow_decoder.so, by name: what OpenCV makes of a file's bytes. A library of its
/// own, because OpenCV's readers of images pull in 140 libraries, which take 50 to 80 ms to load: nobody
/// should wait for that who decodes nothing. decode.h opens it when it is first needed.
///
/// `picture` becomes CV_8UC1, or CV_8UC3 in the order red, green, blue: turned upright as EXIF says, what is
/// transparent laid on white, 16 bit scaled to 8, floating point taken as 0 to 1. When it cannot be,
/// `picture` is empty, and of a bad file `problem` says why. Called from several threads at once. Throws
/// nothing.
enum class Decoded { good, bad, out_of_memory };
extern "C" __attribute__((visibility("default"))) Decoded twinflow_decode(const std::uint8_t* bytes,
                                                                          std::size_t size, bool colour,
                                                                          cv::Mat& picture,
                                                                          std::string& problem);
