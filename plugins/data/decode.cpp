#include "decode.h"

#include <fmt/format.h>

#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <span>
#include <system_error>

#include "container.h"
#include "decoder/decoder.h"
#include "twinflow/error.h"
#include "twinflow/text.h"

namespace twinflow::data {

namespace {

using Decode = decltype(twinflow_decode)*;

/// In a folder of its own beside this library, where nobody takes it for a plugin.
Decode load_decoder() {
  const auto file = boost::dll::this_line_location().parent_path() / "decoder" / "libtwinflow_decoder.so";
  try {
    // Never destroyed, like plugins: what OpenCV and its libraries keep of threads outlives any owner.
    static auto& library = *new boost::dll::shared_library(file, boost::dll::load_mode::rtld_now);
    return &library.get<decltype(twinflow_decode)>("twinflow_decode");
  } catch (const boost::system::system_error& error) {
    throw Error(
        fmt::format("the decoder of images, '{}', cannot be loaded: {}", file.string(), error.what()));
  }
}

void refuse_large(std::uintmax_t size, const std::string& where) {
  if (size > std::numeric_limits<int>::max())
    throw Error(fmt::format("{}: the file has {} bytes, more than OpenCV can take", where, size));
}

}  // namespace

cv::Mat decode_image(const std::vector<std::uint8_t>& bytes, const std::string& where, bool colour) {
  static const Decode decode = load_decoder();
  refuse_large(bytes.size(), where);
  std::vector<std::uint8_t> scratch;
  const std::span<const std::uint8_t> whole = whole_image_file(bytes, where, scratch);
  cv::Mat picture;
  std::string problem;
  decode(whole.data(), whole.size(), colour, picture, problem);
  if (!problem.empty()) throw Error(where + ": " + problem);
  return picture;
}

cv::Mat read_image(const std::filesystem::path& file, bool colour) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);  // a folder has none
  if (error) throw Error(fmt::format("{}: the file cannot be read: {}", quoted(file), error.message()));
  refuse_large(size, quoted(file));
  std::vector<std::uint8_t> bytes(size);
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    throw Error(fmt::format("{}: the file cannot be read{}{}", quoted(file), errno ? ": " : "",
                            errno ? std::strerror(errno) : ""));
  return decode_image(bytes, quoted(file), colour);
}

std::string quoted(const std::filesystem::path& file) { return "'" + shown(file.string()) + "'"; }

}  // namespace twinflow::data
