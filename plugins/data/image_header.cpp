#include "image_header.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

namespace twinflow::data {

namespace {

using Header = std::optional<ImageHeader>;

/// Reads numbers at places of a file; what lies beyond its end reads as 0, and `good` is unset.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> file) : file_(file) {}

  bool good = true;
  bool little = false;  // the lowest byte first

  std::uint64_t number(std::size_t at, std::size_t bytes) {
    if (at > file_.size() || file_.size() - at < bytes) return good = false, 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | file_[at + (little ? bytes - 1 - i : i)];
    return value;
  }
  bool starts_with(std::string_view text, std::size_t at = 0) const {
    return at <= file_.size() && file_.size() - at >= text.size() &&
           std::equal(text.begin(), text.end(), file_.begin() + static_cast<std::ptrdiff_t>(at),
                      [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
  }
  Header header(std::uint64_t width, std::uint64_t height, std::uint64_t pixel_bytes) const {
    if (!good) return {};
    return ImageHeader{width, height, pixel_bytes};
  }
  std::size_t size() const { return file_.size(); }
  std::uint8_t operator[](std::size_t at) const { return file_[at]; }

 private:
  std::span<const std::uint8_t> file_;
};

/// ISO/IEC 15948: behind the signature comes the chunk IHDR.
Header png(Reader file) {
  constexpr std::uint64_t channels_of[] = {1, 0, 3, 4, 2, 0, 4};  // by colour type; a palette may have alpha
  const std::uint64_t depth = file.number(24, 1), type = file.number(25, 1);
  const std::uint64_t channels =
      type < std::size(channels_of) ? std::max<std::uint64_t>(channels_of[type], 1) : 4;
  return file.header(file.number(16, 4), file.number(20, 4), channels * (depth > 8 ? 2 : 1));
}

/// ITU T.81: the frame header is the first segment SOFn.
Header jpeg(Reader file) {
  for (std::size_t at = 2; at + 4 <= file.size();) {
    const std::uint8_t mark = file[at + 1];
    if (file[at] != 0xff || mark == 0xff) {  // what stands between segments is passed over; a fill byte
      ++at;
      continue;
    }
    const bool frame = mark >= 0xc0 && mark <= 0xcf && mark != 0xc4 && mark != 0xc8 && mark != 0xcc;
    const bool progressive = (mark & 3) == 2;  // keeps all coefficients until the end
    if (frame) return file.header(file.number(at + 7, 2), file.number(at + 5, 2), progressive ? 6 : 3);
    const bool alone = mark == 0x01 || (mark >= 0xd0 && mark <= 0xd8);
    at += 2 + (alone ? 0 : file.number(at + 2, 2));
  }
  return {};
}

Header bmp(Reader file) {
  file.little = true;
  const auto side = [&](std::size_t at, std::size_t bytes) -> std::uint64_t {
    const std::uint64_t value = file.number(at, bytes);
    if (bytes == 2) return value;
    return static_cast<std::uint64_t>(std::abs(std::int64_t{static_cast<std::int32_t>(value)}));
  };
  const bool os2 = file.number(14, 4) == 12;
  return os2 ? file.header(side(18, 2), side(20, 2), 3) : file.header(side(18, 4), side(22, 4), 4);
}

/// TIFF 6.0, and BigTIFF. A field of the directory is tag, type, count, value.
Header tiff(Reader file) {
  file.little = file.starts_with("II");
  const bool big = file.number(2, 2) == 43;
  const std::size_t word = big ? 8 : 4;
  const std::uint64_t directory = file.number(big ? 8 : 4, word);
  const std::uint64_t fields = file.number(directory, big ? 8 : 2), first = directory + (big ? 8 : 2),
                      length = big ? 20 : 12;
  std::uint64_t width = 0, height = 0, bits = 8, samples = 1;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(fields, 4096) && file.good; ++i) {
    const std::uint64_t at = first + i * length, tag = file.number(at, 2), type = file.number(at + 2, 2),
                        count = file.number(at + 4, word), place = at + 4 + word;
    const std::size_t bytes = type == 3 ? 2 : type == 16 ? 8 : 4;  // SHORT, LONG8, LONG
    const auto value = [&] {
      return file.number(count * bytes <= word ? place : file.number(place, word), bytes);
    };
    if (tag == 256) width = value();
    if (tag == 257) height = value();
    if (tag == 258) bits = value();
    if (tag == 277) samples = value();
  }
  if (width == 0 || height == 0) return {};
  return file.header(width, height,
                     std::max<std::uint64_t>(samples, 1) * std::max<std::uint64_t>((bits + 7) / 8, 1));
}

/// RIFF with a chunk VP8, VP8L or VP8X first.
Header webp(Reader file) {
  file.little = true;
  if (file.starts_with("VP8 ", 12))
    return file.header(file.number(26, 2) & 0x3fff, file.number(28, 2) & 0x3fff, 4);
  if (file.starts_with("VP8X", 12)) return file.header(file.number(24, 3) + 1, file.number(27, 3) + 1, 4);
  if (!file.starts_with("VP8L", 12)) return {};
  const std::uint64_t packed = file.number(21, 4);
  return file.header((packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1, 4);
}

/// ITU T.800: the marker segment SIZ stands at the head of the codestream, which may lie in a box.
Header jpeg2000(Reader file) {
  std::size_t at = 0;
  while (!file.starts_with("\xff\x4f\xff\x51", at)) {
    std::uint64_t length = file.number(at, 4);
    std::size_t head = 8;
    if (length == 1) length = file.number(at + 8, 8), head = 16;
    const bool codestream = file.starts_with("jp2c", at + 4);
    if (!file.good || (!codestream && length < head) || (!codestream && length > file.size() - at)) return {};
    at += codestream ? head : length;
    if (codestream && !file.starts_with("\xff\x4f\xff\x51", at)) return {};
  }
  const std::uint64_t right = file.number(at + 8, 4), bottom = file.number(at + 12, 4),
                      left = file.number(at + 16, 4), top = file.number(at + 20, 4),
                      components = file.number(at + 40, 2), depth = (file.number(at + 42, 1) & 0x7f) + 1;
  if (right < left || bottom < top) return {};
  // The decoder has 32 bits for each number of its own.
  return file.header(right - left, bottom - top, components * (4 + (depth > 8 ? 2 : 1)));
}

/// Words between blanks; from '#' to the end of a line stands a comment.
class Words {
 public:
  Words(const Reader& file, std::size_t at) : file_(file), at_(at) {}

  std::string_view next() {
    while (at_ < file_.size() && (blank(file_[at_]) || file_[at_] == '#')) {
      if (file_[at_] == '#')
        while (at_ < file_.size() && file_[at_] != '\n') ++at_;
      else
        ++at_;
    }
    word_.clear();
    while (at_ < file_.size() && !blank(file_[at_]) && word_.size() < 20)
      word_ += static_cast<char>(file_[at_++]);
    return word_;
  }
  std::uint64_t number() {
    next();
    const bool digits = !word_.empty() &&
                        std::all_of(word_.begin(), word_.end(), [](char c) { return c >= '0' && c <= '9'; });
    return digits && word_.size() < 19 ? std::stoull(word_) : 0;
  }

 private:
  static bool blank(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  const Reader& file_;
  std::size_t at_;
  std::string word_;
};

/// Netpbm's P1 to P6: width and height are the first two words.
Header portable(Reader file) {
  Words words(file, 2);
  const std::uint64_t width = words.number(), height = words.number();
  if (width == 0 || height == 0) return {};
  return file.header(width, height, words.number() > 255 ? 6 : 3);
}

/// Netpbm's P7: lines of a word and a number, up to ENDHDR.
Header portable_any(Reader file) {
  Words words(file, 2);
  std::uint64_t width = 0, height = 0, channels = 1, most = 255;
  for (int i = 0; i < 64; ++i) {
    const std::string word(words.next());
    if (word == "WIDTH") width = words.number();
    if (word == "HEIGHT") height = words.number();
    if (word == "DEPTH") channels = words.number();
    if (word == "MAXVAL") most = words.number();
    if (word == "ENDHDR" && width > 0 && height > 0)
      return file.header(width, height, std::max<std::uint64_t>(channels, 1) * (most > 255 ? 2 : 1));
  }
  return {};
}

}  // namespace

std::uint64_t ImageHeader::bytes() const {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t product = 1;
  for (const std::uint64_t factor : {width, height, pixel_bytes}) {
    if (factor == 0) return 0;
    if (product > most / factor) return most;
    product *= factor;
  }
  return product;
}

std::optional<ImageHeader> image_header(std::span<const std::uint8_t> bytes) {
  const Reader file(bytes);
  if (file.starts_with("\x89PNG\r\n\x1a\n")) return png(file);
  if (file.starts_with("\xff\xd8")) return jpeg(file);
  if (file.starts_with("BM")) return bmp(file);
  if (file.starts_with("II") || file.starts_with("MM")) return tiff(file);
  if (file.starts_with("RIFF") && file.starts_with("WEBP", 8)) return webp(file);
  if (file.starts_with("jP  ", 4) || file.starts_with("\xff\x4f\xff\x51")) return jpeg2000(file);
  if (file.starts_with("P7")) return portable_any(file);
  if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6') return portable(file);
  return {};
}

}  // namespace twinflow::data
