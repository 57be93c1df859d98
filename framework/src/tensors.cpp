#include "twinflow/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "files.h"
#include "twinflow/error.h"

namespace twinflow {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace {

using Json = nlohmann::json;
constexpr std::uint64_t max_header = 100'000'000;  // the format's own limit

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw Error(fmt::format("'{}' is not a good safetensors file: {}", file.string(), why));
}

/// A shape's number of elements; nullopt when negative or beyond `limit`.
std::optional<std::uint64_t> elements(const std::vector<std::int64_t>& shape, std::uint64_t limit) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size != 0 && count > limit / static_cast<std::uint64_t>(size)) return std::nullopt;
    count *= static_cast<std::uint64_t>(size);
  }
  return count;
}

struct Entry {
  std::string name;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

Entry read_entry(const std::filesystem::path& file, const std::string& name, const Json& json,
                 std::uint64_t size) {
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets"))
    refuse(file, fmt::format("tensor '{}' does not have exactly dtype, shape and data_offsets", name));
  if (json["dtype"] != "F32")
    refuse(file, fmt::format("tensor '{}' is of type {}, not F32", name, json["dtype"].dump()));
  Entry entry{name, {}, 0, 0};
  const Json& shape = json["shape"];
  const Json& offsets = json["data_offsets"];
  const auto unsigned_number = [](const Json& one) { return one.is_number_unsigned(); };
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), unsigned_number) || !offsets.is_array() ||
      offsets.size() != 2 || !std::all_of(offsets.begin(), offsets.end(), unsigned_number))
    refuse(file, fmt::format("tensor '{}' has a shape or offsets that are not lists of whole numbers", name));
  for (const Json& one : shape) entry.shape.push_back(one.get<std::int64_t>());
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end || entry.end > size)
    refuse(file, fmt::format("tensor '{}' lies outside the file", name));
  const auto count = elements(entry.shape, size);
  if (!count || *count * sizeof(float) != entry.end - entry.begin)
    refuse(file, fmt::format("tensor '{}' has {} bytes, which is not what its shape says", name,
                             entry.end - entry.begin));
  return entry;
}

}  // namespace

void write_safetensors(const std::filesystem::path& file, const NamedTensors& named) {
  Json header = Json::object();
  if (!named.metadata.empty()) header["__metadata__"] = named.metadata;
  std::string body;
  for (const auto& [name, tensor] : named.tensors) {
    const std::size_t bytes = tensor.values.size() * sizeof(float);
    if (elements(tensor.shape, std::numeric_limits<std::int64_t>::max()) != tensor.values.size())
      throw Error(fmt::format("tensor '{}' has {} values, which is not what its shape says", name,
                              tensor.values.size()));
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {body.size(), body.size() + bytes}}};
    body.append(reinterpret_cast<const char*>(tensor.values.data()), bytes);
  }
  std::string head;
  try {
    head = header.dump();
  } catch (const Json::type_error&) {
    throw Error(fmt::format("cannot write '{}': a name or a text in it is not UTF-8", file.string()));
  }
  head.append((8 - head.size() % 8) % 8, ' ');  // aligns the buffer, as the format allows
  const std::uint64_t length = head.size();
  head.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
  write_atomically(file, head, body);
}

NamedTensors read_safetensors(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::error_code failed;
  const std::uint64_t file_size = std::filesystem::file_size(file, failed);
  if (!stream || failed) throw Error(fmt::format("cannot open '{}'", file.string()));
  std::uint64_t length = 0;
  if (file_size < sizeof length || !stream.read(reinterpret_cast<char*>(&length), sizeof length))
    refuse(file, "it is shorter than its first field");
  if (length > max_header || length > file_size - sizeof length)
    refuse(file, "its header is longer than the file");
  std::string text(length, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(length));
  // A callback that counts names: the format forbids a name given twice, JSON readers keep the last in
  // silence.
  std::vector<std::string> names;
  const Json header = Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json& key) {
        if (depth == 1 && event == Json::parse_event_t::key) names.push_back(key.get<std::string>());
        return true;
      },
      false);
  if (header.is_discarded() || !header.is_object()) refuse(file, "its header is not a JSON object");
  if (names.size() != header.size()) refuse(file, "its header gives a name twice");

  NamedTensors named;
  std::vector<Entry> entries;
  const std::uint64_t size = file_size - sizeof length - length;
  for (const auto& [name, json] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(read_entry(file, name, json, size));
      continue;
    }
    if (!json.is_object()) refuse(file, "its __metadata__ is not an object");
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) refuse(file, fmt::format("its metadata '{}' is not a text", key));
      named.metadata[key] = value.get<std::string>();
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at)
      refuse(file, fmt::format("there is a gap or an overlap before tensor '{}'", entry.name));
    at = entry.end;
    Tensor& tensor = named.tensors[entry.name];
    tensor.shape = entry.shape;
    tensor.values.resize((entry.end - entry.begin) / sizeof(float));
    if (!stream.read(reinterpret_cast<char*>(tensor.values.data()),
                     static_cast<std::streamsize>(entry.end - entry.begin)))
      refuse(file, "it ends early");
  }
  if (at != size) refuse(file, "there are bytes behind the last tensor");
  return named;
}

}  // namespace twinflow
