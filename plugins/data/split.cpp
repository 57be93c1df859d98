#include "split.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "twinflow/error.h"
#include "twinflow/value.h"

namespace twinflow::data {

Dataset part_of(const Dataset& whole, const std::vector<std::size_t>& groups, std::string description) {
  Dataset part;
  part.group_word = whole.group_word;
  part.store = whole.store;
  part.drawers = whole.drawers;
  std::vector<std::size_t> place(whole.groups.size(), groups.size());  // of each group in the part
  for (const std::size_t group : groups) {
    place[group] = part.groups.size();
    part.groups.push_back(whole.groups[group]);
  }
  for (const Dataset::Class& one : whole.classes)
    if (place[one.group] < groups.size()) {
      part.classes.push_back(one);
      part.classes.back().group = place[one.group];
    }
  part.description = summary(description, part);
  return part;
}

std::vector<std::size_t> others(std::size_t count, const std::vector<std::size_t>& groups) {
  const std::set<std::size_t> taken(groups.begin(), groups.end());
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < count; ++i)
    if (!taken.contains(i)) left.push_back(i);
  return left;
}

std::vector<std::size_t> groups_named(const Dataset& whole, const std::vector<std::string>& names) {
  std::set<std::size_t> found;
  for (const std::string& name : names) {
    const auto at = std::find(whole.groups.begin(), whole.groups.end(), name);
    if (at == whole.groups.end())
      throw Error(
          fmt::format("there is no {} '{}'{}", whole.group_word, name, did_you_mean(name, whole.groups)));
    found.insert(static_cast<std::size_t>(at - whole.groups.begin()));
  }
  return {found.begin(), found.end()};
}

std::string summary(const std::string& what, const Dataset& data) {
  return fmt::format("{}: {} {}{}, {} classes, {} images", what, data.groups.size(), data.group_word,
                     data.groups.size() == 1 ? "" : "s", data.classes.size(), data.image_count());
}

}  // namespace twinflow::data
