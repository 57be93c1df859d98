#include "verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "saved_run.h"
#include "twinflow/read_bounded.h"

namespace twinflow {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::json;

/// The message of an error without the file's name, which stands in front of the line anyway.
std::string without(const std::string& message, const fs::path& file) {
  const std::string quoted = fmt::format("'{}' ", file.string());
  return message.starts_with(quoted) ? message.substr(quoted.size()) : message;
}

bool is_state(const fs::path& file) {
  const fs::path folder = file.parent_path();
  return file == state_file(folder) || file == previous_state_file(folder);
}

/// A state is enough to resume; lines of metrics.jsonl that it knows and that are not there are a note.
Verified verify_state(const fs::path& file) {
  const SavedRun run = read_state(file);
  const std::uint64_t epoch = run.position.epoch, index = run.position.index;
  const std::string position =
      index == 0 ? fmt::format("after epoch {}", epoch)
                 : fmt::format("after {} of {} items of epoch {}", index, run.steps_per_epoch, epoch + 1);
  const auto bytes =
      static_cast<std::uintmax_t>(run.states.at("record").value<std::int64_t>("metrics_bytes"));
  std::error_code missing;
  const auto found = fs::file_size(file.parent_path() / "metrics.jsonl", missing);
  return {file,
          fmt::format("good: a state {}{}", position,
                      missing && bytes > 0 ? "; metrics.jsonl, which it knows, is missing"
                      : !missing && found < bytes
                          ? fmt::format("; of the {} bytes of metrics.jsonl that it knows, {} are there",
                                        bytes, found)
                          : "")};
}

Verified verify_tensors(const fs::path& file) {
  const NamedTensors all = read_safetensors(file);
  const auto kept = all.metadata.find("checksum");
  if (kept == all.metadata.end()) return {file, "good as far as can be told: it has no checksum"};
  const std::string found = checksum(all);
  if (kept->second != found)
    return {file, fmt::format("damaged: its checksum is {}, its content has {}", kept->second, found), false};
  return {file, "good: its checksum fits"};
}

Verified verify_metrics(const fs::path& file) {
  std::ifstream lines(file, std::ios::binary);
  if (!lines) return {file, "cannot be opened", false};
  constexpr std::streamsize longest = 16 << 20;  // more than a run keeps of a file's lines
  std::vector<char> room(longest);
  std::size_t number = 0;
  while (lines.getline(room.data(), longest) || lines.gcount() > 0) {
    ++number;
    if (lines.fail())
      return {file, fmt::format("line {} is longer than {} bytes", number, longest - 1), false};
    if (lines.eof())
      return {file,
              fmt::format("line {}, the last one, is cut off; flowrun --resume cuts back to where the state "
                          "was saved",
                          number),
              false};
    const std::string_view line(room.data(), static_cast<std::size_t>(lines.gcount()) - 1);
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return {file, fmt::format("line {} is not a JSON object", number), false};
    for (const char* key : {"epoch", "metrics", "node", "step", "time"})
      if (!json.contains(key)) return {file, fmt::format("line {} has no '{}'", number, key), false};
  }
  return {file, fmt::format("good: {} line{}", number, number == 1 ? "" : "s")};
}

Verified verify_result(const fs::path& file) {
  const Json json = Json::parse(read_bounded(file, most_result_bytes), nullptr, false);
  if (!json.is_object() || !json.contains("status") || !json["status"].is_string())
    return {file, "is not the result of a run", false};
  return {file, fmt::format("good: {}", json["status"].get<std::string>())};
}

bool ends_in(const fs::path& file, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const char* ending) { return file.extension() == ending; });
}

/// Empty for files that nothing is known of.
std::optional<Verified> verify_file(const fs::path& file) {
  try {
    if (!fs::exists(file)) return Verified{file, "is a link to what is not there", false};
    if (ends_in(file, {".tmp", ".part"}) || file.filename() == "state.next.safetensors")
      return Verified{file, "left over by a write that was cut off; nobody reads it"};
    if (is_state(file)) return verify_state(file);
    if (file.extension() == ".safetensors") return verify_tensors(file);
    if (ends_in(file, {".jsonl", ".json"}) && !fs::is_regular_file(file) && !fs::is_directory(file))
      return Verified{file, "is not a regular file", false};  // a FIFO would never end
    if (file.filename() == "metrics.jsonl") return verify_metrics(file);
    if (file.filename() == "result.json") return verify_result(file);
  } catch (const Error& error) {
    return Verified{file, without(error.what(), file), false};
  }
  return std::nullopt;
}

}  // namespace

std::vector<Verified> verify(const fs::path& path) {
  std::vector<Verified> all;
  if (!fs::is_directory(path)) {
    if (!fs::exists(path)) throw Error(fmt::format("there is no '{}'", path.string()));
    if (const auto one = verify_file(path)) return {*one};
    throw Error(fmt::format("'{}' is of no kind that can be verified", path.string()));
  }
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file() || entry.is_symlink()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files)
    if (auto one = verify_file(file)) all.push_back(std::move(*one));
  const bool is_run = fs::exists(path / "metrics.jsonl") || fs::exists(previous_state_file(path));
  if (is_run && !fs::exists(state_file(path))) {
    const bool previous = std::any_of(all.begin(), all.end(), [&](const Verified& one) {
      return one.good && one.file == previous_state_file(path);
    });
    all.push_back({state_file(path),
                   previous ? "missing: a run that is resumed uses the one before"
                            : "missing: the run cannot be resumed",
                   previous});
  }
  if (all.empty()) throw Error(fmt::format("there is nothing in '{}' that can be verified", path.string()));
  return all;
}

}  // namespace twinflow
