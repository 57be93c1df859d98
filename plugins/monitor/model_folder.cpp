#include "model_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "twinflow/error.h"

namespace twinflow::monitor {

namespace {

constexpr std::size_t block = 1 << 20;
constexpr std::string_view ending = ".safetensors", half_written = ".tmp";

bool take_end(std::string_view& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.remove_suffix(end.size());
  return true;
}

}  // namespace

std::string ModelFolder::file_called(const std::string& name, std::string_view step) {
  return fmt::format("{}-step-{}{}", name, step, ending);
}

std::string ModelFolder::link_called(const std::string& name, std::string_view which) {
  std::string text = name;
  if (!which.empty()) text += fmt::format("-{}", which);
  std::replace(text.begin(), text.end(), '/', '_');  // metrics are called what their nodes like
  return fmt::format("{}{}", text, ending);
}

void ModelFolder::point(const std::string& link, std::uint64_t step) const {
  const std::string target = file(step), fresh = link + ".tmp";
  if (folder_.link_target(link) == target || is_copy(link, target)) return;
  folder_.remove(fresh);  // of a run that was killed here
  if (make_link_(target.c_str(), folder_.descriptor(), fresh.c_str()) != 0) copy(target, fresh);
  try {
    folder_.rename(fresh, link);
  } catch (const Error&) {
    if (!folder_.closed()) folder_.remove(fresh);
    throw;
  }
}

/// Models differ in their first bytes, where their steps are.
bool ModelFolder::is_copy(const std::string& name, const std::string& model) const {
  if (!folder_.is_regular(name) || !folder_.is_regular(model)) return false;
  const FolderFile one = folder_.open(name), other = folder_.open(model);
  const std::uint64_t size = other.size();
  bool same = one.size() == size;
  for (std::uint64_t at = 0; same && at < size; at += block)
    same = one.read(at, block) == other.read(at, block);
  return same;
}

void ModelFolder::copy(const std::string& model, const std::string& name) const {
  if (!folder_.is_regular(model))
    throw Error(fmt::format("the model '{}' is not there any more", folder_.path_of(model).string()));
  const FolderFile source = folder_.open(model);
  FolderFile made = folder_.begin(name);
  made.copy(source, source.size());
  made.sync();
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
  for (const std::string& name : folder_.names())
    if (const auto step = step_of(name, whole); step && whole) all.insert(*step);
  return all;
}

void ModelFolder::remove_others(const std::set<std::uint64_t>& wanted) const {
  bool whole = false;
  for (const std::string& name : folder_.names())
    if (const auto step = step_of(name, whole);
        step && (!whole || !wanted.contains(*step)) && folder_.is_regular(name))
      folder_.remove(name);
}

}  // namespace twinflow::monitor
