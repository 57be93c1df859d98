#include "states.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "safetensors_metadata.h"
#include "twinflow/error.h"
#include "twinflow/param.h"
#include "twinflow/text.h"

namespace twinflow {

namespace {

const std::string family = "twinflow.state ", format = family + "1";

template <class T>
const char* const type_name = "";
template <>
const char* const type_name<bool> = "a boolean";
template <>
const char* const type_name<std::int64_t> = "an integer";
template <>
const char* const type_name<double> = "a number";
template <>
const char* const type_name<std::string> = "a string";

std::string encode(const State::Value& value) {
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "b1" : "b0";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("i{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return "d" + ParamType<double>::text(*number);
  const auto& text = std::get<std::string>(value);
  if (is_utf8(text)) return "s" + text;
  std::string hex = "x";  // the file holds UTF-8 only
  for (const char one : text) hex += fmt::format("{:02x}", static_cast<std::uint8_t>(one));
  return hex;
}

template <class T>
State::Value decode_number(const std::string& text) {
  T number{};
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + 1, end, number);
  if (read.ec != std::errc() || read.ptr != end) throw Error(fmt::format("'{}' is no number", text));
  return number;
}

std::string decode_bytes(const std::string& text) {
  std::string bytes;
  for (std::size_t at = 1; at < text.size(); at += 2) {
    std::uint8_t byte = 0;
    const char* end = text.data() + std::min(at + 2, text.size());
    const auto read = std::from_chars(text.data() + at, end, byte, 16);
    if (read.ec != std::errc() || read.ptr != text.data() + at + 2)
      throw Error(fmt::format("'{}' is no text of bytes", text));
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

State::Value decode(const std::string& text) {
  if (text == "b0" || text == "b1") return text == "b1";
  if (text.starts_with('i')) return decode_number<std::int64_t>(text);
  if (text.starts_with('d')) return decode_number<double>(text);
  if (text.starts_with('s')) return text.substr(1);
  if (text.starts_with('x')) return decode_bytes(text);
  throw Error(fmt::format("'{}' is no value", text));
}

/// "twinflow.state 2" and so on. A name with anything else in it is none of ours.
bool is_newer(const std::string& found) {
  if (!found.starts_with(family)) return false;
  const std::string version = found.substr(family.size());
  return !version.empty() && version.find_first_not_of("0123456789") == version.npos && version[0] != '0';
}

}  // namespace

template <class T>
const T& State::value(const std::string& name) const {
  const auto found = values.find(name);
  if (found == values.end()) throw Error(fmt::format("the saved state has no value '{}'", name));
  if (const T* typed = std::get_if<T>(&found->second)) return *typed;
  throw Error(fmt::format("the saved value '{}' is not {}", name, type_name<T>));
}
template const bool& State::value(const std::string&) const;
template const std::int64_t& State::value(const std::string&) const;
template const double& State::value(const std::string&) const;
template const std::string& State::value(const std::string&) const;

const Tensor& State::tensor(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw Error(fmt::format("the saved state has no tensor '{}'", name));
  return found->second;
}

NamedTensors packed(States states) {
  NamedTensors all;
  all.metadata["format"] = format;
  for (auto& [part, state] : states) {
    for (auto& [name, tensor] : state.tensors) all.tensors[part + "/" + name] = std::move(tensor);
    for (const auto& [name, value] : state.values) all.metadata[part + "/" + name] = encode(value);
  }
  return all;
}

void write_states(const Folder& folder, const std::string& name, NamedTensors& packed) {
  packed.metadata["checksum"] = checksum(packed);
  write_safetensors(folder, name, packed);
}

namespace {

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw Error(fmt::format("'{}' cannot be resumed from: {}", file.string(), why));
}

void check_format(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata) {
  const auto written = metadata.find("format");
  const std::string found = written == metadata.end() ? "" : written->second;
  if (found != format && is_newer(found))
    throw NewerState(
        fmt::format("'{}' was saved by a newer version of TwinFlow: it is a '{}', this version "
                    "reads '{}'",
                    file.string(), found, format));
  if (found != format) refuse(file, "it is no saved state of a run");
}

void take_values(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata,
                 States& states) {
  for (const auto& [name, text] : metadata) {
    const auto slash = name.find('/');
    if (slash == name.npos) continue;  // format and checksum
    try {
      states[name.substr(0, slash)].values[name.substr(slash + 1)] = decode(text);
    } catch (const Error& error) {
      refuse(file, error.what());
    }
  }
}

}  // namespace

States read_states(const std::filesystem::path& file) {
  NamedTensors all = read_safetensors(file);
  check_format(file, all.metadata);
  if (all.metadata["checksum"] != checksum(all)) refuse(file, "it is damaged: its checksum does not fit");
  States states;
  for (auto& [name, tensor] : all.tensors) {
    const auto slash = name.find('/');
    if (slash == name.npos) refuse(file, fmt::format("its tensor '{}' belongs to nothing", name));
    states[name.substr(0, slash)].tensors[name.substr(slash + 1)] = std::move(tensor);
  }
  take_values(file, all.metadata, states);
  return states;
}

States read_state_values(const std::filesystem::path& file) {
  const auto metadata = read_safetensors_metadata(file);
  check_format(file, metadata);
  States states;
  take_values(file, metadata, states);
  return states;
}

}  // namespace twinflow
