#include "verification_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "twinflow/error.h"
#include "twinflow/interrupt.h"

namespace twinflow::twin {
namespace {

using Places = std::vector<std::size_t>;

/// The classes with two images, by two people where they are known.
Places classes_with_pairs(const Dataset& data) {
  Places found;
  for (std::size_t i = 0; i < data.classes.size(); ++i) {
    const Places& images = data.classes[i].images;
    const bool pair = data.drawers.empty()
                          ? images.size() >= 2
                          : std::any_of(images.begin(), images.end(), [&](std::size_t image) {
                              return data.drawers[image] != data.drawers[images[0]];
                            });
    if (pair) found.push_back(i);
  }
  return found;
}

std::size_t one_of(const Places& places, Random& random) { return places[random.below(places.size())]; }

/// One of `places` other than `not_this`, which is among them.
std::size_t another(const Places& places, std::size_t not_this, Random& random) {
  const std::size_t drawn = places[random.below(places.size() - 1)];
  return drawn == not_this ? places.back() : drawn;
}

ListedPair same_pair(const Dataset& data, const Places& images, Random& random) {
  const std::size_t left = one_of(images, random);
  if (data.drawers.empty()) return {left, another(images, left, random), true};
  Places by_others;
  for (const std::size_t image : images)
    if (data.drawers[image] != data.drawers[left]) by_others.push_back(image);
  return {left, one_of(by_others, random), true};
}

}  // namespace

std::size_t PairPlan::same_pairs() const {
  return static_cast<std::size_t>(std::lround(same_fraction * static_cast<double>(pairs)));
}

std::vector<ListedPair> draw_pairs(const Dataset& data, const PairPlan& plan, Random& random) {
  const auto fail = [&](const std::string& what) {
    throw Error(fmt::format("the data set '{}' {}", data.description, what));
  };
  if (data.classes.size() < 2)
    fail(fmt::format("has {} class{}; a different pair takes 2", data.classes.size(),
                     data.classes.size() == 1 ? "" : "es"));
  const Places with_pairs = classes_with_pairs(data);
  if (with_pairs.empty())
    fail(fmt::format("has no class with two images{}, as a same pair takes",
                     data.drawers.empty() ? "" : " by two people"));
  const std::vector<Places> groups = data.classes_by_group();
  if (plan.negatives_in_group > 0)
    for (std::size_t group = 0; group < groups.size(); ++group)
      if (groups[group].size() == 1)
        fail(fmt::format("has {} '{}' of 1 class, but negatives_in_group needs 2", data.group_word,
                         data.groups[group]));
  Places all(data.classes.size());
  std::iota(all.begin(), all.end(), std::size_t{0});

  std::vector<ListedPair> pairs;
  const std::size_t same = plan.same_pairs();
  while (pairs.size() < same) {
    throw_if_interrupted();
    pairs.push_back(same_pair(data, data.classes[one_of(with_pairs, random)].images, random));
  }
  while (pairs.size() < plan.pairs) {
    throw_if_interrupted();
    const std::size_t left = one_of(all, random);
    const std::size_t right =
        another(random.coin(plan.negatives_in_group) ? groups[data.classes[left].group] : all, left, random);
    pairs.push_back(
        {one_of(data.classes[left].images, random), one_of(data.classes[right].images, random), false});
  }
  return pairs;
}

}  // namespace twinflow::twin
