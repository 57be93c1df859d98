#include "plugins/twin/verification_pairs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "error_of.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// Groups of 2, 3 and 5 classes; class c has 2 + c images, by people 0 to 2 in turn where `people`.
Dataset letters(bool people) {
  Dataset data;
  data.description = "letters";
  data.group_word = "alphabet";
  data.groups = {"a", "b", "c"};
  std::size_t images = 0;
  for (std::size_t c = 0; c < 10; ++c) {
    data.classes.push_back({std::to_string(c), c < 2 ? 0u : c < 5 ? 1u : 2u, {}});
    for (std::size_t i = 0; i < 2 + c; ++i) {
      data.classes.back().images.push_back(images++);
      if (people) data.drawers.push_back(static_cast<std::int32_t>(i % 3));
    }
  }
  return data;
}

std::size_t class_of(const Dataset& data, std::size_t image) {
  for (std::size_t c = 0; c < data.classes.size(); ++c)
    if (std::count(data.classes[c].images.begin(), data.classes[c].images.end(), image) > 0) return c;
  FAIL("no class has image " << image);
  return 0;
}

std::vector<ListedPair> drawn(const Dataset& data, const PairPlan& plan, std::uint64_t seed = 1) {
  Random random(seed, 0, 0);
  return draw_pairs(data, plan, random);
}

std::string problem_of(const Dataset& data, const PairPlan& plan = {}) {
  return error_of([&] { drawn(data, plan); });
}

/// Within four deviations of a binomial distribution.
void check_share(std::size_t found, std::size_t count, double share) {
  const double n = static_cast<double>(count);
  CHECK(std::abs(static_cast<double>(found) - n * share) < 4 * std::sqrt(n * share * (1 - share)));
}

}  // namespace

TEST_CASE("pairs are what they are said to be") {
  for (const bool people : {false, true}) {
    CAPTURE(people);
    const Dataset data = letters(people);
    const std::vector<ListedPair> pairs = drawn(data, {6000, 0.25, 0.5});
    REQUIRE(pairs.size() == 6000);
    std::size_t same = 0, within = 0, by_one = 0;
    std::map<std::size_t, std::size_t> left_of_same, left_of_different, right_of_different;
    for (const ListedPair& pair : pairs) {
      CHECK(pair.left != pair.right);
      const std::size_t left = class_of(data, pair.left), right = class_of(data, pair.right);
      CHECK(pair.same == (left == right));
      if (people) by_one += pair.same && data.drawers[pair.left] == data.drawers[pair.right];
      same += pair.same;
      if (!pair.same) within += data.classes[left].group == data.classes[right].group;
      ++(pair.same ? left_of_same : left_of_different)[left];
    }
    CHECK(same == 1500);
    CHECK(by_one == 0);
    for (std::size_t c = 0; c < 10; ++c) {  // whatever their number of images
      check_share(left_of_same[c], 1500, 0.1);
      check_share(left_of_different[c], 4500, 0.1);
    }
    // Half stay within a group; of the rest some do by chance: 1, 2 or 4 of 9 others, by the class's group.
    check_share(within, 4500, 0.5 + 0.5 * (2 * 1 + 3 * 2 + 5 * 4) / 90.0);
  }
}

TEST_CASE("both images of a pair come evenly from their class, and the other class from all others") {
  const Dataset data = letters(false);
  const std::vector<ListedPair> same = drawn(data, {20000, 1.0, 0.0});
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> of_class_1;  // three images: six pairs
  std::size_t in_class_1 = 0;
  for (const ListedPair& pair : same)
    if (class_of(data, pair.left) == 1) ++of_class_1[{pair.left, pair.right}], ++in_class_1;
  CHECK(of_class_1.size() == 6);
  for (const auto& [pair, count] : of_class_1) check_share(count, in_class_1, 1.0 / 6);

  const std::vector<ListedPair> different = drawn(data, {20000, 0.0, 0.0});
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> classes;
  for (const ListedPair& pair : different) ++classes[{class_of(data, pair.left), class_of(data, pair.right)}];
  CHECK(classes.size() == 90);
  for (const auto& [two, count] : classes) check_share(count, 20000, 1.0 / 90);

  for (const ListedPair& pair : drawn(data, {2000, 0.0, 1.0}))
    CHECK(data.classes[class_of(data, pair.left)].group == data.classes[class_of(data, pair.right)].group);
}

TEST_CASE("the same pairs come of the same numbers, and others of others") {
  const Dataset data = letters(true);
  const auto text = [&](std::uint64_t seed) {
    std::string all;
    for (const ListedPair& pair : drawn(data, {50, 0.5, 0.3}, seed))
      all += std::to_string(pair.left) + "-" + std::to_string(pair.right) + " ";
    return all;
  };
  CHECK(text(1) == text(1));
  CHECK(text(1) != text(2));
}

TEST_CASE("classes without a same pair are left out of these, and no others") {
  Dataset data = letters(true);
  data.classes[3].images.resize(1);
  for (const std::size_t image : data.classes[4].images) data.drawers[image] = 7;  // all by one
  std::set<std::size_t> same, different;
  for (const ListedPair& pair : drawn(data, {4000, 0.5, 0.0}))
    (pair.same ? same : different).insert(class_of(data, pair.left));
  CHECK(same.size() == 8);
  CHECK(!same.contains(3));
  CHECK(!same.contains(4));
  CHECK(different.size() == 10);
}

TEST_CASE("data without such pairs are named") {
  Dataset data = letters(true);
  data.classes.resize(1);
  CHECK(problem_of(data) == "the data set 'letters' has 1 class; a different pair takes 2");
  data = letters(true);
  for (std::int32_t& drawer : data.drawers) drawer = 1;
  CHECK(problem_of(data) ==
        "the data set 'letters' has no class with two images by two people, as a same pair takes");
  data.drawers.clear();
  CHECK(problem_of(data) == "");
  for (Dataset::Class& one : data.classes) one.images.resize(1);
  CHECK(problem_of(data) == "the data set 'letters' has no class with two images, as a same pair takes");
  data = letters(false);
  data.classes.erase(data.classes.begin());
  CHECK(problem_of(data, {100, 0.5, 0.1}) ==
        "the data set 'letters' has alphabet 'a' of 1 class, but negatives_in_group needs 2");
  CHECK(problem_of(data, {100, 0.5, 0.0}) == "");
}

TEST_CASE("shares are rounded to whole pairs") {
  CHECK(PairPlan{3, 0.5, 0}.same_pairs() == 2);
  CHECK(PairPlan{10, 0.24, 0}.same_pairs() == 2);
  CHECK(PairPlan{10, 0.0, 0}.same_pairs() == 0);
}
