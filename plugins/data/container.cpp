#include "container.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "image_header.h"
#include "twinflow/error.h"

namespace twinflow::data {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 8> png_start{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}
std::uint32_t little_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[3]} << 24 | std::uint32_t{bytes[2]} << 16 | std::uint32_t{bytes[1]} << 8 |
         bytes[0];
}

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw Error(where + ": " + what);
}

[[noreturn]] void fail_cut_short(const std::string& where, const char* format) {
  fail(where, fmt::format("the {} file is cut short", format));
}

/// A PNG is a row of chunks: length, name, data, checksum (W3C PNG specification, section 5.3).
Bytes whole_png(Bytes bytes, const std::string& where, std::vector<std::uint8_t>& scratch) {
  constexpr std::string_view for_pixels[] = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND", "eXIf"};
  scratch.assign(png_start.begin(), png_start.end());
  std::uint64_t data = 0;  // bytes of compressed pixels
  for (std::size_t at = png_start.size();;) {
    if (bytes.size() - at < 12) fail_cut_short(where, "PNG");
    const std::size_t length = big_endian(&bytes[at]);
    if (bytes.size() - at - 12 < length) fail_cut_short(where, "PNG");
    const std::string_view name(reinterpret_cast<const char*>(&bytes[at + 4]), 4);
    const bool wanted = std::find(std::begin(for_pixels), std::end(for_pixels), name) != std::end(for_pixels);
    if (wanted) {
      if (crc32_z(0, &bytes[at + 4], length + 4) != big_endian(&bytes[at + 8 + length]))
        fail(where, fmt::format("the PNG file is damaged: the checksum of an {} is wrong", name));
      scratch.insert(scratch.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     bytes.begin() + static_cast<std::ptrdiff_t>(at + 12 + length));
    }
    at += 12 + length;
    if (name == "IDAT") data += length;
    if (name != "IEND") continue;
    const Bytes made = scratch.size() == at ? bytes.first(at) : Bytes(scratch);
    // Deflate makes 1032 bytes of one, at most. A pixel has a bit at least.
    constexpr std::uint64_t deflate_at_best = 1032;
    if (const auto header = image_header(made);
        header && header->width / 8 * header->height / deflate_at_best > data)
      fail(where, fmt::format("the PNG file is damaged: its {} bytes of pixels cannot be an image of {} x {}",
                              data, header->width, header->height));
    return made;
  }
}

/// A JPEG is a row of segments, each a mark (0xff and another byte) and a length; behind the header of a scan
/// its coded pixels, in which a 0xff is followed by 0 or a restart mark (ITU T.81, appendix B). What stands
/// between segments is passed over: coded pixels, and what cameras leave there now and then.
void whole_jpeg(Bytes bytes, const std::string& where) {
  constexpr std::uint8_t start = 0xd8, end = 0xd9, restart = 0xd0, temporary = 0x01;
  const auto is_restart = [](std::uint8_t mark) { return mark >= restart && mark < restart + 8; };
  for (std::size_t at = 0;;) {
    const void* found = at < bytes.size() ? std::memchr(&bytes[at], 0xff, bytes.size() - at) : nullptr;
    if (!found) fail_cut_short(where, "JPEG");
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data()) + 1;
    if (at == bytes.size()) fail_cut_short(where, "JPEG");
    const std::uint8_t mark = bytes[at];
    if (mark == 0xff) continue;  // fill bytes
    ++at;
    if (mark == end) return;
    if (mark == 0 || mark == start || mark == temporary || is_restart(mark)) continue;
    if (bytes.size() - at < 2) fail_cut_short(where, "JPEG");
    at += std::size_t{bytes[at]} << 8 | bytes[at + 1];
  }
}

/// A BMP says where its pixels begin, and their number follows from its header.
void whole_bmp(Bytes bytes, const std::string& where) {
  if (bytes.size() < 54) fail_cut_short(where, "BMP");
  if (little_endian(&bytes[14]) < 40) return;  // OS/2's header: left to OpenCV
  const std::uint64_t from = little_endian(&bytes[10]), bits = bytes[28] | bytes[29] << 8,
                      width = std::abs(std::int64_t{static_cast<std::int32_t>(little_endian(&bytes[18]))}),
                      height = std::abs(std::int64_t{static_cast<std::int32_t>(little_endian(&bytes[22]))});
  const std::uint32_t compression = little_endian(&bytes[30]);
  if (bytes.size() < from) fail_cut_short(where, "BMP");
  const std::uint64_t behind = bytes.size() - from;
  constexpr std::uint32_t none = 0, bit_fields = 3;
  const bool plain = compression == none || compression == bit_fields;
  const std::uint64_t row = (width * bits + 31) / 32 * 4;  // whole 32 bits
  // By division: the product of a header that lies may be too large for its type.
  if (plain ? height > 0 && row > behind / height : little_endian(&bytes[34]) > behind)
    fail_cut_short(where, "BMP");
}

}  // namespace

Bytes whole_image_file(Bytes bytes, const std::string& where, std::vector<std::uint8_t>& scratch) {
  if (bytes.empty()) fail(where, "the file is empty");
  const auto starts_with = [&](Bytes start) {
    return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
  };
  if (starts_with(png_start)) return whole_png(bytes, where, scratch);
  constexpr std::uint8_t jpeg_start[] = {0xff, 0xd8, 0xff}, bmp_start[] = {'B', 'M'};
  if (starts_with(jpeg_start)) whole_jpeg(bytes, where);
  if (starts_with(bmp_start)) whole_bmp(bytes, where);
  return bytes;
}

}  // namespace twinflow::data
