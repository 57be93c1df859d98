#include "decode.h"

#include <fmt/format.h>
#include <tbb/task_arena.h>

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
  const auto header = image_header(whole);
  // OpenCV would write an image of another format, such as Radiance HDR or DICOM, to a temporary file first.
  if (!header)
    throw Error(
        where +
        ": this is not an image of a format that is read (PNG, JPEG, BMP, TIFF, WebP, JPEG 2000, PNM), "
        "or it is damaged");
  constexpr std::uint64_t small = std::uint64_t{16} << 20;  // a few of these do no harm
  if (header->bytes() > small)
    require_room(*header, where, usable_memory(), tbb::this_task_arena::max_concurrency());
  cv::Mat picture;
  std::string problem;
  const Decoded made = decode(whole.data(), whole.size(), colour, picture, problem);
  if (made == Decoded::out_of_memory) throw OutOfMemory(where + ": there is not enough memory to decode it");
  if (made == Decoded::bad) throw Error(where + ": " + problem);
  return picture;
}

void require_room(const ImageHeader& header, const std::string& where, Memory memory, int threads) {
  if (threads > 1) {
    memory.left /= threads;
    memory.limit += fmt::format(", for {} threads", threads);
  }
  constexpr double conversions = 2;  // to 8 bits, to another order of channels: the picture is there twice
  require_memory(memory, conversions * static_cast<double>(header.bytes()),
                 fmt::format("{}: an image of {} x {} pixels", where, header.width, header.height),
                 "make it smaller, or leave it out");
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
