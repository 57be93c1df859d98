#include "twinflow/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace twinflow {

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0; };
  const auto follows = [&](std::size_t i, int low = 0x80, int high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const int first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef)
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  if (first >= 0xf0 && first <= 0xf4)
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3)
               ? 4
               : 0;
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

namespace {

/// Of a well-formed character.
std::uint32_t code_point(std::string_view character) {
  constexpr std::uint8_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  std::uint32_t point = static_cast<std::uint8_t>(character[0]) & lead_bits[character.size()];
  for (std::size_t i = 1; i < character.size(); ++i)
    point = point << 6 | (static_cast<std::uint8_t>(character[i]) & 0x3f);
  return point;
}

bool is_control(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) ||  // C0, DEL, C1
         (point >= 0x2028 && point <= 0x202e) ||             // separators, embeddings, overrides
         (point >= 0x2066 && point <= 0x2069);               // isolates
}

std::string escaped(std::string_view bytes, bool lines) {
  std::string all;
  all.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    const std::string_view character = bytes.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0)
      all += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(character[0]));
    else if (const std::uint32_t point = code_point(character);
             is_control(point) && !(lines && (point == '\n' || point == '\t')))
      all += fmt::format("\\u{:04x}", point);
    else
      all += character;
    bytes.remove_prefix(character.size());
  }
  return all;
}

}  // namespace

std::string shown(std::string_view bytes) { return escaped(bytes, false); }
std::string shown_lines(std::string_view bytes) { return escaped(bytes, true); }

std::string csv_field(std::string_view text) {
  const std::string plain = shown(text);
  if (plain.find_first_of(",\"") == plain.npos) return plain;
  std::string quoted = "\"";
  for (const char one : plain) quoted.append(one == '"' ? 2 : 1, one);
  return quoted + '"';
}

std::string some_of(const std::vector<std::string>& names, std::size_t most) {
  const std::size_t count = std::min(names.size(), most);
  std::string all = fmt::format("{}", fmt::join(names.begin(), names.begin() + count, ", "));
  if (count < names.size()) all += fmt::format(" and {} more", names.size() - count);
  return all;
}

}  // namespace twinflow
