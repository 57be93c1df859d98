#include "weights_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "finite.h"
#include "network.h"
#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

/// "12" as a number, "dense" behind every number.
std::size_t number_of(std::string_view part) {
  const bool digits = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
  return digits ? std::stoul(std::string(part)) : std::string::npos;
}

/// The order of the layers: 2.conv comes before 10.conv.
bool before(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view left = a.substr(0, a.find('.')), right = b.substr(0, b.find('.'));
    if (left != right) return std::pair(number_of(left), left) < std::pair(number_of(right), right);
    a.remove_prefix(std::min(a.size(), left.size() + 1));
    b.remove_prefix(std::min(b.size(), right.size() + 1));
  }
  return a.size() < b.size();
}

}  // namespace

std::string WeightsMatch::text() const {
  std::map<std::string, std::size_t> tensors;  // by layer
  for (const auto* list : {&kept, &fresh, &unused})
    for (const std::string& name : *list) ++tensors[layer_of(name)];
  for (const OtherShape& one : other_shape) ++tensors[layer_of(one.name)];
  // A layer that is in a list whole by its name, else its tensors by theirs. `name_of` and `shapes_of` say
  // what an entry is; a layer shows the shapes of its tensor with the most dimensions.
  const auto list_text = [&](const char* title, const auto& list, auto name_of, auto shapes_of) {
    std::string all;
    for (auto from = list.begin(); from != list.end();) {
      const std::string layer = layer_of(name_of(*from));
      const auto to =
          std::find_if(from, list.end(), [&](const auto& one) { return layer_of(name_of(one)) != layer; });
      const bool whole = static_cast<std::size_t>(to - from) == tensors.at(layer);
      for (; from != to; from = whole ? to : from + 1)
        all += (all.empty() ? "" : ", ") +
               (whole ? layer + shapes_of(from, to) : name_of(*from) + shapes_of(from, from + 1));
    }
    return all.empty() ? "" : fmt::format("{}: {}", title, all);
  };
  const auto names_text = [&](const char* title, const std::vector<std::string>& list) {
    return list_text(
        title, list, [](const std::string& name) { return name; }, [](auto, auto) { return std::string(); });
  };
  const auto shapes_of = [](auto from, auto to) {
    const OtherShape& largest = *std::max_element(
        from, to, [](const OtherShape& a, const OtherShape& b) { return a.here.size() < b.here.size(); });
    return fmt::format(" ({} in the file, {} here)", dims_text(largest.in_file), dims_text(largest.here));
  };
  std::string all;
  for (const std::string& part :
       {names_text("kept", kept),
        list_text(
            "other shape", other_shape, [](const OtherShape& one) { return one.name; }, shapes_of),
        names_text("new", fresh), names_text("not used", unused)})
    if (!part.empty()) all += (all.empty() ? "" : "; ") + part;
  return all;
}

WeightsMatch load_matching(NamedTensors& weights, const NamedTensors& file, const std::string& file_name) {
  WeightsMatch match;
  for (const auto& [name, tensor] : weights.tensors) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end())
      match.fresh.push_back(name);
    else if (found->second.shape != tensor.shape)
      match.other_shape.push_back({name, found->second.shape, tensor.shape});
    else
      match.kept.push_back(name);
  }
  for (const auto& [name, tensor] : file.tensors)
    if (!weights.tensors.contains(name)) match.unused.push_back(name);
  for (auto* list : {&match.kept, &match.fresh, &match.unused}) std::sort(list->begin(), list->end(), before);
  std::sort(match.other_shape.begin(), match.other_shape.end(),
            [](const auto& a, const auto& b) { return before(a.name, b.name); });

  if (match.kept.empty())
    throw Error(fmt::format("nothing in '{}' fits this network: {}", file_name, match.text()));
  for (const std::string& name : match.kept)
    if (!all_finite(file.tensors.at(name).values))
      throw Error(fmt::format("the tensor '{}' of '{}' holds what is not a finite number", name, file_name));
  for (const std::string& name : match.kept) weights.tensors[name].values = file.tensors.at(name).values;
  return match;
}

}  // namespace twinflow::twin
