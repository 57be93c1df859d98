#include "model_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/files.h"

namespace twinflow::monitor {

namespace {

constexpr std::string_view ending = ".safetensors", half_written = ".tmp";

bool take_end(std::string_view& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.remove_suffix(end.size());
  return true;
}

}  // namespace

std::filesystem::path ModelFolder::file(std::uint64_t step) const {
  return folder_ / fmt::format("{}-step-{}{}", name_, step, ending);
}

std::filesystem::path ModelFolder::link(std::string_view which) const {
  std::string text = name_;
  if (!which.empty()) text += fmt::format("-{}", which);
  std::replace(text.begin(), text.end(), '/', '_');  // metrics are called what their nodes like
  return folder_ / fmt::format("{}{}", text, ending);
}

void ModelFolder::point(const std::filesystem::path& link, std::uint64_t step) const {
  const std::filesystem::path target = file(step).filename(), fresh = link.string() + ".tmp";
  std::error_code failed;
  if (std::filesystem::read_symlink(link, failed) == target && !failed) return;
  std::filesystem::remove(fresh, failed);  // of a run that was killed here
  std::filesystem::create_symlink(target, fresh, failed);
  if (failed) throw Error(fmt::format("cannot create the link '{}': {}", link.string(), failed.message()));
  try {
    replace_file(fresh, link);
  } catch (const Error&) {
    std::filesystem::remove(fresh, failed);
    throw;
  }
}

std::optional<std::uint64_t> ModelFolder::step_of(std::string_view text, bool& whole) const {
  const std::string start = name_ + "-step-";
  whole = !take_end(text, half_written);
  if (!text.starts_with(start) || !take_end(text, ending)) return {};
  text.remove_prefix(start.size());
  std::uint64_t step = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), step);
  if (wrong != std::errc() || end != text.data() + text.size()) return {};
  return step;
}

std::set<std::uint64_t> ModelFolder::steps() const {
  std::set<std::uint64_t> all;
  bool whole = false;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    if (const auto step = step_of(entry.path().filename().native(), whole); step && whole) all.insert(*step);
  return all;
}

void ModelFolder::remove_others(const std::set<std::uint64_t>& wanted) const {
  std::vector<std::filesystem::path> others;
  bool whole = false;
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    if (const auto step = step_of(entry.path().filename().native(), whole);
        step && (!whole || !wanted.contains(*step)) &&
        entry.symlink_status().type() == std::filesystem::file_type::regular)
      others.push_back(entry.path());
  for (const std::filesystem::path& one : others) std::filesystem::remove(one);
}

}  // namespace twinflow::monitor
