// Any bytes as an image of any format: they are decoded to 8 bits, grey and in colour, or refused with an
// Error. Both pictures have one size, and nothing larger than OpenCV's limit is allocated.
#include <array>

#include "fuzz.h"
#include "plugins/data/container.h"
#include "plugins/data/decoder/decoder.h"

using twinflow::data::whole_image_file;

namespace {

constexpr int most_pixels = 1 << 18;

/// OpenCV reads it when it decodes for the first time.
[[maybe_unused]] const int limit =
    setenv("OPENCV_IO_MAX_IMAGE_PIXELS", std::to_string(most_pixels).c_str(), 1);

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::vector<std::uint8_t> scratch;
  std::span<const std::uint8_t> whole;
  try {
    whole = whole_image_file({bytes, size}, "given", scratch);
  } catch (const twinflow::Error&) {
    return 0;
  }
  std::array<cv::Mat, 2> pictures;
  for (const bool colour : {false, true}) {
    cv::Mat& picture = pictures[colour];
    std::string problem;
    twinflow_decode(whole.data(), whole.size(), colour, picture, problem);
    demand(picture.empty() != problem.empty(), "it is neither decoded nor refused: " + problem);
    if (picture.empty()) continue;
    demand(picture.type() == (colour ? CV_8UC3 : CV_8UC1), "a picture has pixels of another kind");
    demand(picture.rows * picture.cols <= most_pixels, "a picture is too large");
  }
  demand(pictures[0].size() == pictures[1].size(), "grey and colour differ in size");
  return 0;
}
