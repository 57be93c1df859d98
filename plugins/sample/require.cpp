#include "require.h"

#include <fmt/format.h>

#include "twinflow/error.h"

namespace twinflow::sample {
namespace {

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

std::string name_of(const Dataset& data) {
  return data.description.empty() ? "the data set" : "the data set '" + data.description + "'";
}

void require_classes(const Dataset& data, std::size_t count, std::size_t turns, const std::string& need) {
  const std::size_t present = data.classes.size();
  if (present * turns >= count) return;
  const std::string with_turns = turns == 1 ? "" : fmt::format(" ({} with rotations)", present * turns);
  throw Error(fmt::format("{} has {}{}, but {} needs {}", name_of(data), counted(present, "class", "classes"),
                          with_turns, need, count));
}

void require_images(const Dataset& data, std::size_t count, const std::string& need) {
  for (const Dataset::Class& one : data.classes)
    if (one.images.size() < count)
      throw Error(fmt::format("class '{}' of {} '{}' in {} has {}, but {} needs {}", one.name,
                              data.group_word, data.groups[one.group], name_of(data),
                              counted(one.images.size(), "image", "images"), need, count));
}

void require_company(const Dataset& data, const std::string& need) {
  const auto members = data.classes_by_group();
  for (std::size_t group = 0; group < members.size(); ++group)
    if (members[group].size() == 1)
      throw Error(fmt::format("{} '{}' in {} has 1 class, but {} needs 2", data.group_word,
                              data.groups[group], name_of(data), need));
}

void require_square(const Dataset& data, const std::string& need) {
  if (data.store->height != data.store->width)
    throw Error(fmt::format("the images of {} are {} x {} (height x width), but {} needs them square",
                            name_of(data), data.store->height, data.store->width, need));
}

}  // namespace twinflow::sample
