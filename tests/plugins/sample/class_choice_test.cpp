#include "plugins/sample/class_choice.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "small_dataset.h"

using namespace twinflow;
using namespace twinflow::sample;

namespace {

std::string failure(const Dataset& data, const std::vector<ClassWeight>& weights) {
  try {
    ClassChoice(data, false, weights);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Random random_of(std::uint64_t index) { return Random(99, 0, index); }

}  // namespace

TEST_CASE("classes are drawn without replacement, with their turns") {
  const Dataset data = small_dataset({3, 2}, 1);
  const ClassChoice choice(data, true, {});
  CHECK(choice.turns() == 4);
  CHECK(choice.all() == std::vector<std::size_t>{0, 1, 2, 3, 4});
  CHECK(choice.groups() == std::vector<std::vector<std::size_t>>{{0, 1, 2}, {3, 4}});
  Random random = random_of(0);
  const auto drawn = choice.choose(choice.groups()[1], 8, random);
  CHECK(std::set<std::size_t>(drawn.begin(), drawn.end()) ==
        std::set<std::size_t>{12, 13, 14, 15, 16, 17, 18, 19});
  CHECK_THROWS_WITH_AS(choice.choose(choice.all(), 21, random), "cannot choose 21 different ones out of 20",
                       Error);
}

TEST_CASE("a class comes up in proportion to its weight, and never with weight 0") {
  const Dataset data = small_dataset({2, 3}, 1);
  // Weights 1, 3 | 2, 2, 0.
  const ClassChoice choice(data, false, {{"g0/c1", 3.0}, {"g1/c[01]", 2.0}, {"g1/c2", 0.0}});
  CHECK(choice.all() == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK(choice.groups() == std::vector<std::vector<std::size_t>>{{0, 1}, {2, 3}});
  constexpr int draws = 8000;
  std::map<std::size_t, double> first, second;
  for (int i = 0; i < draws; ++i) {
    Random random = random_of(static_cast<std::uint64_t>(i));
    const auto two = choice.choose(choice.all(), 2, random);
    first[two[0]] += 1.0 / draws;
    second[two[1]] += 1.0 / draws;
  }
  const double weights[] = {1, 3, 2, 2}, sum = 8;
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(std::abs(first[i] - weights[i] / sum) < 0.025);  // 5 standard deviations are 0.027 at most
    double after_another = 0;
    for (std::size_t k = 0; k < 4; ++k)
      if (k != i) after_another += weights[k] / sum * weights[i] / (sum - weights[k]);
    CHECK(std::abs(second[i] - after_another) < 0.025);
  }
  Random random = random_of(1);
  CHECK_THROWS_WITH_AS(choice.choose(choice.all(), 5, random), "cannot choose 5 classes of 4", Error);
}

TEST_CASE("another class than the left one, in proportion to the weights of the others") {
  const Dataset data = small_dataset({4}, 1);
  for (const bool weighted : {false, true}) {
    CAPTURE(weighted);
    const ClassChoice choice(
        data, false, weighted ? std::vector<ClassWeight>{{"g0/c1", 3.0}} : std::vector<ClassWeight>{});
    constexpr int draws = 6000;
    std::map<std::size_t, double> share;
    for (int i = 0; i < draws; ++i) {
      Random random = random_of(static_cast<std::uint64_t>(i));
      share[choice.other(2, choice.all(), random)] += 1.0 / draws;
    }
    CHECK(!share.contains(2));
    CHECK(std::abs(share[0] - (weighted ? 0.2 : 1.0 / 3)) < 0.03);
    CHECK(std::abs(share[1] - (weighted ? 0.6 : 1.0 / 3)) < 0.03);
    CHECK(std::abs(share[3] - (weighted ? 0.2 : 1.0 / 3)) < 0.03);
  }
}

TEST_CASE("another class than the left one, with turns and weights: the other turns of the left class too") {
  const Dataset data = small_dataset({3}, 1);
  const ClassChoice choice(data, true, {{"g0/c1", 3.0}, {"g0/c2", 0.5}});
  for (const std::size_t left : {4, 6, 7}) {  // turns 0, 2 and 3 of class 1
    CAPTURE(left);
    constexpr int draws = 8000;
    std::map<std::size_t, double> share;
    for (int i = 0; i < draws; ++i) {
      Random random = random_of(static_cast<std::uint64_t>(i));
      share[choice.other(left, choice.all(), random)] += 1.0 / draws;
    }
    CHECK(share.size() == 11);
    for (const auto& [one, times] : share) {  // 4 * 1 + 3 * 3 + 4 * 0.5 = 15
      CHECK(one != left);
      CHECK(std::abs(times - (one < 4 ? 1 : one < 8 ? 3 : 0.5) / 15) < 0.023);  // 5 standard deviations
    }
  }
  const Dataset single = small_dataset({1}, 1);
  const ClassChoice alone(single, true, {{"g0/c0", 2.0}});
  std::set<std::size_t> others;
  for (std::uint64_t i = 0; i < 100; ++i) {
    Random random = random_of(i);
    others.insert(alone.other(1, alone.all(), random));
  }
  CHECK(others == std::set<std::size_t>{0, 2, 3});
}

TEST_CASE("patterns of class_weights that cannot be meant") {
  const Dataset data = small_dataset({2, 1}, 1);
  CHECK(failure(data, {{"g0/(", 1.0}}) == "'g0/(' is not a regular expression: missing ): g0/(");
  CHECK(failure(data, {{"c0", 1.0}}) ==
        "the pattern 'c0' of class_weights fits no class; there are such as 'g0/c0'");
  CHECK(failure(data, {{"g0/.*", 1.0}, {".*/c1", 2.0}}) ==
        "two patterns of class_weights, 'g0/.*' and '.*/c1', fit the class 'g0/c1'");
}

TEST_CASE("the images of a class are different ones, and turned as it is") {
  const Dataset data = small_dataset({2}, 3);
  const ClassChoice choice(data, true, {});
  Random random = random_of(0);
  std::set<std::size_t> images;
  for (const Shot& shot : choice.images(1 * 4 + 3, 3, random)) {
    CHECK(shot.turns == 3);
    images.insert(shot.image);
  }
  CHECK(images == std::set<std::size_t>{3, 4, 5});
}
