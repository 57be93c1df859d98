#include "path_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>

#include "twinflow/error.h"
#include "twinflow/text.h"

namespace twinflow {

namespace {

const std::string scheme = "file://";

std::string path_of_uri(const std::string& uri) {
  const auto fail = [&] {
    throw Error(
        fmt::format("'{}' is not the URI of a file, such as file:///home/me/photos%20of%20cats", shown(uri)));
  };
  if (uri.size() <= scheme.size() || uri[scheme.size()] != '/') fail();  // of another host
  std::string path;
  for (std::size_t at = scheme.size(); at < uri.size(); ++at) {
    if (uri[at] != '%') {
      path += uri[at];
      continue;
    }
    std::uint8_t byte = 0;
    const char* const begin = uri.data() + at + 1;
    const char* const end = begin + std::min<std::size_t>(2, uri.size() - at - 1);
    const auto read = std::from_chars(begin, end, byte, 16);
    if (read.ec != std::errc() || read.ptr != begin + 2 || byte == 0) fail();
    path += static_cast<char>(byte);
    at += 2;
  }
  return path;
}

}  // namespace

std::string text_of_path(const std::filesystem::path& path) {
  const std::string& bytes = path.native();
  if (is_utf8(bytes)) return bytes;
  std::string uri = scheme;
  for (const char one : bytes) {
    const auto byte = static_cast<std::uint8_t>(one);
    if (byte <= ' ' || byte >= 0x7f || one == '%')
      uri += fmt::format("%{:02X}", byte);
    else
      uri += one;
  }
  return uri;
}

std::filesystem::path path_from_text(const std::string& text) {
  if (text.starts_with(scheme)) return path_of_uri(text);
  if (text != "~" && !text.starts_with("~/")) return text;
  const char* const home = std::getenv("HOME");
  if (!home || *home == '\0')
    throw Error(fmt::format(
        "'{}' is in the home folder, but the environment has no HOME: write the whole path", shown(text)));
  return home + text.substr(1);
}

}  // namespace twinflow
