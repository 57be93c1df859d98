#include "twinflow/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "safetensors_metadata.h"
#include "twinflow/error.h"
#include "twinflow/files.h"
#include "twinflow/folder.h"
#include "twinflow/hash.h"
#include "twinflow/text.h"

namespace twinflow {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

namespace {

using Json = nlohmann::json;
constexpr std::uint64_t max_header = 100'000'000;  // bytes; the format's own limit
constexpr const char* metadata_key = "__metadata__";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw Error(fmt::format("'{}' is not a good safetensors file: {}", file.string(), why));
}

/// What is wrong with a header of that many bytes, for the writer and the reader alike; empty: nothing.
std::string header_fault(std::uint64_t bytes) {
  return bytes <= max_header ? ""
                             : fmt::format("its header has {} bytes, more than the {} that the format allows",
                                           bytes, max_header);
}

/// A name from a file, fit to be printed.
std::string short_name(const std::string& name) {
  std::size_t length = std::min<std::size_t>(name.size(), 100);
  while (length < name.size() && (name[length] & 0xC0) == 0x80) --length;  // no half of a character
  return shown(name.substr(0, length)) + (length < name.size() ? "..." : "");
}

/// A text as the file holds it, which is JSON and so UTF-8: a name of other bytes, of a folder, say, may not
/// cost a model.
std::string written(const std::string& text) { return is_utf8(text) ? text : shown_lines(text); }

/// A shape's number of elements; nullopt when a size is negative or the product no int64.
std::optional<std::uint64_t> elements(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) return std::nullopt;
  return static_cast<std::uint64_t>(count);
}

float from_f64(const char* bytes) {
  double value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<float>(value);
}
float from_bf16(const char* bytes) {  // the upper half of an f32
  std::uint16_t half;
  std::memcpy(&half, bytes, sizeof half);
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}
/// IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. An f32 holds every one of them.
float from_f16(const char* bytes) {
  std::uint16_t half;
  std::memcpy(&half, bytes, sizeof half);
  const std::uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);  // infinite, or NaN
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)         // subnormal
                                   : std::bit_cast<float>((exponent + 112) << 23 | fraction << 13);
  return sign == 0 ? size : -size;
}

/// The types that are read, all of them as f32.
struct Type {
  const char* name;
  std::size_t bytes;
  float (*convert)(const char* bytes);  // nullptr: they are f32
};
constexpr Type types[] = {
    {"F32", 4, nullptr}, {"F64", 8, from_f64}, {"F16", 2, from_f16}, {"BF16", 2, from_bf16}};

struct Entry {
  std::string name;
  const Type* type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

Entry read_entry(const std::filesystem::path& file, const std::string& name, const Json& json,
                 std::uint64_t size) {
  const std::string who = fmt::format("tensor '{}'", short_name(name));
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets"))
    refuse(file, who + " does not have exactly dtype, shape and data_offsets");
  const auto* type = std::find_if(std::begin(types), std::end(types),
                                  [&](const Type& one) { return json["dtype"] == one.name; });
  if (type == std::end(types))
    refuse(file,
           fmt::format("{} is of type {}, not F32, F64, F16 or BF16", who, short_name(json["dtype"].dump())));
  Entry entry{name, type, {}, 0, 0};
  const Json& shape = json["shape"];
  const Json& offsets = json["data_offsets"];
  const auto unsigned_number = [](const Json& one) { return one.is_number_unsigned(); };
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), unsigned_number) || !offsets.is_array() ||
      offsets.size() != 2 || !std::all_of(offsets.begin(), offsets.end(), unsigned_number))
    refuse(file, who + " has a shape or offsets that are not lists of whole numbers");
  for (const Json& one : shape) entry.shape.push_back(one.get<std::int64_t>());
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end || entry.end > size) refuse(file, who + " lies outside the file");
  const std::uint64_t bytes = entry.end - entry.begin;
  if (bytes % type->bytes != 0 || elements(entry.shape) != bytes / type->bytes)
    refuse(file, fmt::format("{} has {} bytes, which is not what its shape says", who, bytes));
  return entry;
}

/// The header, which has to open the text and may be followed by spaces.
Json parse_header(const std::filesystem::path& file, const std::string& text) {
  if (!text.starts_with('{')) refuse(file, "its header does not begin with {");
  // A callback that counts names, of tensors and inside of them: the format forbids a name given twice, JSON
  // readers keep the last in silence.
  std::size_t names = 0;
  Json header = Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json&) {
        if (event == Json::parse_event_t::key && depth <= 2) ++names;
        return true;
      },
      false);
  if (header.is_discarded()) refuse(file, "its header is not a JSON object");
  if (text.find_last_not_of(' ') != text.rfind('}')) refuse(file, "its header ends in other than spaces");
  std::size_t kept = header.size();
  for (const Json& one : header)
    if (one.is_object()) kept += one.size();
  if (names != kept) refuse(file, "its header gives a name twice");
  return header;
}

/// The next tensor of the stream, as f32. False where the file ends early.
bool read_values(std::istream& stream, const Entry& entry, std::vector<float>& values) {
  const std::uint64_t bytes = entry.end - entry.begin;
  values.resize(bytes / entry.type->bytes);
  if (!entry.type->convert)
    return static_cast<bool>(
        stream.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(bytes)));
  std::vector<char> part(std::size_t{1} << 16);
  for (std::size_t first = 0; first < values.size();) {
    const std::size_t count = std::min(part.size() / entry.type->bytes, values.size() - first);
    if (!stream.read(part.data(), static_cast<std::streamsize>(count * entry.type->bytes))) return false;
    for (std::size_t i = 0; i < count; ++i)
      values[first + i] = entry.type->convert(part.data() + i * entry.type->bytes);
    first += count;
  }
  return true;
}

}  // namespace

std::string checksum(const NamedTensors& all) {
  StableHash hash;
  for (const auto& [name, text] : all.metadata) {
    if (name == "checksum") continue;
    hash.add(written(name));
    hash.add(written(text));
  }
  for (const auto& [name, tensor] : all.tensors) {
    hash.add(name);
    hash.add(tensor.shape);
    hash.add(tensor.values);
  }
  return fmt::format("{:016x}", hash.value());
}

namespace {

/// The file's content, given in parts: the header, then the tensors where they lie, for they are large.
template <class Write>
void write_parts(const std::filesystem::path& file, const NamedTensors& named, const Write& write) {
  Json header = Json::object();
  for (const auto& [key, text] : named.metadata) header[metadata_key][written(key)] = written(text);
  std::vector<std::string_view> parts = {{}};
  std::size_t at = 0;
  for (const auto& [name, tensor] : named.tensors) {
    if (name == metadata_key) throw Error(fmt::format("a tensor cannot be called '{}'", name));
    const std::size_t bytes = tensor.values.size() * sizeof(float);
    if (elements(tensor.shape) != tensor.values.size())
      throw Error(fmt::format("tensor '{}' has {} values, which is not what its shape says", name,
                              tensor.values.size()));
    header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {at, at + bytes}}};
    parts.emplace_back(reinterpret_cast<const char*>(tensor.values.data()), bytes);
    at += bytes;
  }
  std::string head;
  try {
    head = header.dump();
  } catch (const Json::type_error&) {
    throw Error(fmt::format("cannot write '{}': the name of a tensor is not UTF-8", file.string()));
  }
  head.append((8 - head.size() % 8) % 8, ' ');  // aligns the buffer, as the format allows
  const std::uint64_t length = head.size();
  if (const std::string fault = header_fault(length); !fault.empty())
    throw Error(fmt::format("cannot write '{}': {}", file.string(), fault));
  head.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
  parts[0] = head;
  write(parts);
}

}  // namespace

void write_safetensors(const std::filesystem::path& file, const NamedTensors& named) {
  write_parts(file, named,
              [&](const std::vector<std::string_view>& parts) { write_atomically(file, parts); });
}

void write_safetensors(const Folder& folder, const std::string& name, const NamedTensors& named) {
  write_parts(folder.path_of(name), named,
              [&](const std::vector<std::string_view>& parts) { folder.write_atomically(name, parts); });
}

namespace {

/// What comes before the values.
struct Header {
  std::map<std::string, std::string> metadata;
  std::vector<Entry> entries;
  std::uint64_t size = 0;  // of the values, in bytes
};

Header read_header(const std::filesystem::path& file, std::ifstream& stream) {
  std::error_code failed;
  const std::uint64_t file_size = std::filesystem::file_size(file, failed);  // of regular files only
  if (!failed) stream.open(file, std::ios::binary);
  if (failed || !stream) throw Error(fmt::format("cannot open '{}'", file.string()));
  std::uint64_t length = 0;
  if (file_size < sizeof length || !stream.read(reinterpret_cast<char*>(&length), sizeof length))
    refuse(file, "it is shorter than its first field");
  if (const std::string fault = header_fault(length); !fault.empty()) refuse(file, fault);
  if (length > file_size - sizeof length) refuse(file, "its header is longer than the file");
  std::string text(length, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(length))) refuse(file, "it ends early");
  const Json json = parse_header(file, text);

  Header read;
  read.size = file_size - sizeof length - length;
  for (const auto& [name, value] : json.items()) {
    if (name != metadata_key) {
      read.entries.push_back(read_entry(file, name, value, read.size));
      continue;
    }
    if (!value.is_object()) refuse(file, "its __metadata__ is not an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) refuse(file, fmt::format("its metadata '{}' is not a text", short_name(key)));
      read.metadata[key] = text.get<std::string>();
    }
  }
  return read;
}

}  // namespace

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& file) {
  std::ifstream stream;
  return read_header(file, stream).metadata;
}

NamedTensors read_safetensors(const std::filesystem::path& file) {
  std::ifstream stream;
  auto [metadata, entries, size] = read_header(file, stream);
  NamedTensors named;
  named.metadata = std::move(metadata);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at)
      refuse(file, fmt::format("there is a gap or an overlap before tensor '{}'", short_name(entry.name)));
    at = entry.end;
    Tensor& tensor = named.tensors[entry.name];
    tensor.shape = entry.shape;
    if (!read_values(stream, entry, tensor.values)) refuse(file, "it ends early");
  }
  if (at != size) refuse(file, "there are bytes behind the last tensor");
  return named;
}

}  // namespace twinflow
