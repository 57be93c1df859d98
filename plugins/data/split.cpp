#include "split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "twinflow/error.h"
#include "twinflow/random.h"
#include "twinflow/value.h"

namespace twinflow::data {

namespace {

/// Where the names stand in `all`, in ascending order, each once.
std::vector<std::size_t> places_of(const std::vector<std::string>& names, const std::vector<std::string>& all,
                                   const std::string& word) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < all.size(); ++i) places.emplace(all[i], i);
  std::set<std::size_t> found;
  for (const std::string& name : names) {
    const auto at = places.find(name);
    if (at == places.end())
      throw Error(fmt::format("there is no {} '{}'{}", word, name, did_you_mean(name, all)));
    found.insert(at->second);
  }
  return {found.begin(), found.end()};
}

}  // namespace

Dataset part_where(const Dataset& whole, const std::function<bool(std::size_t, std::size_t)>& keep,
                   std::string description) {
  Dataset part;
  part.group_word = whole.group_word;
  part.store = whole.store;
  part.drawers = whole.drawers;
  part.names = whole.names;
  std::vector<bool> has_classes(whole.groups.size());
  for (std::size_t i = 0; i < whole.classes.size(); ++i) {
    Dataset::Class left{whole.classes[i].name, whole.classes[i].group, {}};
    for (const std::size_t image : whole.classes[i].images)
      if (keep(i, image)) left.images.push_back(image);
    if (left.images.empty()) continue;
    has_classes[left.group] = true;
    part.classes.push_back(std::move(left));
  }
  std::vector<std::size_t> place(whole.groups.size());  // of each group in the part
  for (std::size_t group = 0; group < whole.groups.size(); ++group) {
    if (!has_classes[group]) continue;
    place[group] = part.groups.size();
    part.groups.push_back(whole.groups[group]);
  }
  for (Dataset::Class& one : part.classes) one.group = place[one.group];
  part.description = summary(description, part);
  return part;
}

Dataset part_of(const Dataset& whole, const std::vector<std::size_t>& groups, std::string description) {
  std::vector<bool> wanted(whole.groups.size());
  for (const std::size_t group : groups) wanted[group] = true;
  return part_where(
      whole, [&](std::size_t one, std::size_t) { return wanted[whole.classes[one].group]; },
      std::move(description));
}

std::vector<std::size_t> others(std::size_t count, const std::vector<std::size_t>& groups) {
  const std::set<std::size_t> taken(groups.begin(), groups.end());
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < count; ++i)
    if (!taken.contains(i)) left.push_back(i);
  return left;
}

std::vector<std::size_t> groups_named(const Dataset& whole, const std::vector<std::string>& names) {
  return places_of(names, whole.groups, whole.group_word);
}

std::string summary(const std::string& what, const Dataset& data) {
  return fmt::format("{}: {} {}{}, {} classes, {} images", what, data.groups.size(), data.group_word,
                     data.groups.size() == 1 ? "" : "s", data.classes.size(), data.image_count());
}

void Split::describe(TableSpec<Split>& spec) {
  spec.name("split");
  spec.param("by", &Split::by)
      .names({{"class", By::classes}, {"group", By::groups}, {"maker", By::makers}})
      .doc("what is held out as a whole");
  spec.param("validation", &Split::validation)
      .range(0, 1)
      .doc("the fraction of all classes, groups or makers that validation holds, chosen by chance");
  spec.param("test", &Split::test).range(0, 1).doc("the fraction that test holds, chosen by chance");
  spec.param("validation_names", &Split::validation_names)
      .doc(
          "what validation holds, by name, rather than a fraction; a class is named GROUP/CLASS where there "
          "is "
          "more than one group");
  spec.param("test_names", &Split::test_names).doc("what test holds, by name, rather than a fraction");
  spec.param("seed", &Split::seed)
      .doc("another seed makes another choice; the run's seed does not matter, nor does the node");
  spec.check(&Split::check);
}

void Split::check(const Checking& checking) const {
  if (validation > 0 && !validation_names.empty())
    checking.error("validation_names", "give either validation or validation_names, not both");
  if (test > 0 && !test_names.empty())
    checking.error("test_names", "give either test or test_names, not both");
  if (validation + test > 1)
    checking.error("validation",
                   fmt::format("validation and test together would hold {:g} of all", validation + test));
  const std::set<std::string> of_validation(validation_names.begin(), validation_names.end());
  for (const std::string& name : test_names)
    if (of_validation.contains(name))
      checking.error("test_names", fmt::format("'{}' is in both validation_names and test_names", name));
}

namespace {

/// What a split holds out as a whole.
struct Units {
  std::string word, words;         // what one is called, and several
  std::vector<std::string> names;  // of all there are
  std::vector<std::size_t> of;     // for each class, or by makers for each image of the store, its unit
};

Units units_of(const Dataset& whole, Split::By by, const std::vector<std::string>& makers) {
  if (by == Split::By::groups) {
    Units units{whole.group_word, whole.group_word + "s", whole.groups, {}};
    for (const Dataset::Class& one : whole.classes) units.of.push_back(one.group);
    return units;
  }
  if (by == Split::By::classes) {
    Units units{"class", "classes", {}, {}};
    for (const Dataset::Class& one : whole.classes) {
      units.of.push_back(units.names.size());
      units.names.push_back(whole.groups.size() > 1 ? whole.groups[one.group] + "/" + one.name : one.name);
    }
    return units;
  }
  if (whole.drawers.empty())
    throw Error("a split by maker needs to know who made each image, and nobody does here");
  Units units{"maker", "makers", {}, {}};
  std::map<std::int32_t, std::size_t> place;  // of those whose images are in classes
  for (const Dataset::Class& one : whole.classes)
    for (const std::size_t image : one.images) place[whole.drawers[image]];
  for (auto& [maker, at] : place) {
    at = units.names.size();
    units.names.push_back(makers.empty() ? std::to_string(maker) : makers[static_cast<std::size_t>(maker)]);
  }
  for (const std::int32_t maker : whole.drawers) {
    const auto found = place.find(maker);
    units.of.push_back(found == place.end() ? 0 : found->second);
  }
  return units;
}

/// Which part each unit is in: here they are kept apart.
std::vector<Part> assign(const Split& split, const Units& units) {
  const std::size_t count = units.names.size();
  std::vector<Part> part(count, Part::train);
  for (const std::size_t one : places_of(split.validation_names, units.names, units.word))
    part[one] = Part::validation;
  for (const std::size_t one : places_of(split.test_names, units.names, units.word)) part[one] = Part::test;

  std::vector<std::size_t> left(count);
  std::iota(left.begin(), left.end(), std::size_t{0});
  Random random(stream_key(split.seed, "", "split"), 0, 0);
  random.shuffle(std::span(left));
  std::erase_if(left, [&](std::size_t one) { return part[one] != Part::train; });
  // Test first, so that it stays the same whatever validation holds, but for what validation names.
  for (const auto& [fraction, to] :
       {std::pair(split.test, Part::test), std::pair(split.validation, Part::validation)})
    for (auto wanted = std::lround(fraction * static_cast<double>(count)); wanted > 0 && !left.empty();
         --wanted) {
      part[left.back()] = to;
      left.pop_back();
    }
  return part;
}

}  // namespace

Dataset split_part(const Dataset& whole, const Split& split, Part part, const std::string& what,
                   const std::vector<std::string>& makers) {
  const Units units = units_of(whole, split.by, makers);
  const std::vector<Part> assigned = assign(split, units);
  std::vector<std::string> names;
  for (std::size_t one = 0; one < assigned.size(); ++one)
    if (assigned[one] == part) names.push_back(units.names[one]);
  if (names.empty() && part == Part::train)
    throw Error(fmt::format("holding out all {} {} leaves none to train on", assigned.size(), units.words));
  if (names.empty()) {
    const std::string output = part == Part::test ? "test" : "validation";
    const double fraction = part == Part::test ? split.test : split.validation;
    throw Error(fmt::format("the output '{}' is empty: ", output) +
                (fraction == 0 ? fmt::format("set split.{0} or split.{0}_names", output)
                               : fmt::format("{:g} of {} {} is none", fraction, assigned.size(),
                                             assigned.size() == 1 ? units.word : units.words)));
  }

  std::string description = what + (part == Part::train        ? ", for training"
                                    : part == Part::validation ? ", for validation"
                                                               : ", for testing");
  constexpr std::size_t few = 6;
  if (names.size() <= few)
    description +=
        fmt::format(" ({} {})", names.size() == 1 ? units.word : units.words, fmt::join(names, ", "));
  else if (split.by == Split::By::makers)
    description += fmt::format(" ({} makers)", names.size());
  return part_where(
      whole,
      [&](std::size_t one, std::size_t image) {
        return assigned[units.of[split.by == Split::By::makers ? image : one]] == part;
      },
      description);
}

}  // namespace twinflow::data
