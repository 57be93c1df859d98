#include "decode.h"

#include <fmt/format.h>

#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <limits>
#include <span>

#include "container.h"
#include "decoder/decoder.h"
#include "twinflow/error.h"

namespace twinflow::data {

namespace {

using Decode = decltype(twinflow_decode)*;

/// In a folder of its own beside this library, where nobody takes it for a plugin.
Decode load_decoder() {
  const auto file = boost::dll::this_line_location().parent_path() / "decoder" / "libtwinflow_decoder.so";
  try {
    // Leaked on purpose, like plugins: what OpenCV and its libraries keep of threads outlives any owner.
    auto* library = new boost::dll::shared_library(file, boost::dll::load_mode::rtld_now);
    return &library->get<decltype(twinflow_decode)>("twinflow_decode");
  } catch (const boost::system::system_error& error) {
    throw Error(
        fmt::format("the decoder of images, '{}', cannot be loaded: {}", file.string(), error.what()));
  }
}

}  // namespace

cv::Mat decode_image(const std::vector<std::uint8_t>& bytes, const std::string& where, bool colour) {
  static const Decode decode = load_decoder();
  std::vector<std::uint8_t> scratch;
  const std::span<const std::uint8_t> whole = whole_image_file(bytes, where, scratch);
  if (whole.size() > std::numeric_limits<int>::max())
    throw Error(fmt::format("{}: the file has {} bytes, more than OpenCV can take", where, whole.size()));
  cv::Mat picture;
  std::string problem;
  decode(whole.data(), whole.size(), colour, picture, problem);
  if (!problem.empty()) throw Error(where + ": " + problem);
  return picture;
}

}  // namespace twinflow::data
