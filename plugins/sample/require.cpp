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

void require_classes(const Dataset& data, const ClassChoice& choice, std::size_t count,
                     const std::string& need) {
  const std::size_t present = choice.all().size(), turns = choice.turns();
  if (present * turns >= count) return;
  if (data.classes.empty() && !data.pairs.empty())
    throw Error(name_of(data) + " is a list of pairs without classes: sample.pairs draws from it");
  const std::string which = present == data.classes.size() ? "" : " of a weight above 0";
  const std::string with_turns = turns == 1 ? "" : fmt::format(" ({} with rotations)", present * turns);
  throw Error(fmt::format("{} has {}{}{}, but {} needs {}", name_of(data),
                          counted(present, "class", "classes"), which, with_turns, need, count));
}

void require_images(const Dataset& data, const ClassChoice& choice, std::size_t count,
                    const std::string& need) {
  for (const std::size_t i : choice.all()) {
    const Dataset::Class& one = data.classes[i];
    if (one.images.size() < count)
      throw Error(fmt::format("class '{}' of {} '{}' in {} has {}, but {} needs {}", one.name,
                              data.group_word, data.groups[one.group], name_of(data),
                              counted(one.images.size(), "image", "images"), need, count));
  }
}

void require_company(const Dataset& data, const ClassChoice& choice, const std::string& need) {
  for (const std::vector<std::size_t>& group : choice.groups())
    if (group.size() * choice.turns() == 1)
      throw Error(fmt::format("{} '{}' in {} has 1 class, but {} needs 2", data.group_word,
                              data.groups[data.classes[group.front()].group], name_of(data), need));
}

void require_square(const Dataset& data, const std::string& need) {
  if (data.store->height != data.store->width)
    throw Error(fmt::format("the images of {} are {} x {} (height x width), but {} needs them square",
                            name_of(data), data.store->height, data.store->width, need));
}

}  // namespace twinflow::sample
