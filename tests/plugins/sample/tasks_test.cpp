#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "small_dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

ImageBatch draw(const Dataset& data, const std::string& toml, const Item& item = {}) {
  Bench bench("sample.tasks", toml);
  bench.constant("data", data);
  return bench.make<ImageBatch>(item);
}

std::string failure(const Dataset& data, const std::string& toml) {
  try {
    draw(data, toml);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::set<std::size_t> groups_of(const Dataset& data, const ImageBatch& task, std::size_t turns = 1) {
  std::set<std::size_t> groups;
  for (const std::int32_t one : task.classes)
    groups.insert(data.classes[static_cast<std::size_t>(one) / turns].group);
  return groups;
}

}  // namespace

TEST_CASE("sample.tasks: the support first, then queries that are other images of the same classes") {
  const Dataset data = small_dataset({10, 10}, 6);
  for (std::uint64_t index = 0; index < 40; ++index) {
    const ImageBatch task = draw(data, "ways = 5\nshots = 2\nqueries = 3", {.index = index});
    REQUIRE(task.images.count == 25);
    std::set<std::size_t> images;
    for (std::size_t i = 0; i < 25; ++i) {
      REQUIRE(task.classes[i] == task.classes[i % 5]);
      const Seen shot = seen(task.images, i);
      REQUIRE(static_cast<std::int32_t>(shot.image / 6) == task.classes[i]);
      images.insert(shot.image);
    }
    REQUIRE(images.size() == 25);
    REQUIRE(std::set<std::int32_t>(task.classes.begin(), task.classes.begin() + 5).size() == 5);
    REQUIRE(groups_of(data, task).size() == 1);
  }
}

TEST_CASE("sample.tasks: within one group that is large enough, or over all, in the share asked for") {
  const Dataset data = small_dataset({3, 8, 8}, 2);
  std::set<std::size_t> seen_groups;
  int within = 0;
  constexpr int draws = 600;
  for (int i = 0; i < draws; ++i) {
    const ImageBatch task =
        draw(data, "ways = 5\nwithin_group = 0.3", {.index = static_cast<std::uint64_t>(i)});
    const auto groups = groups_of(data, task);
    within += groups.size() == 1;
    if (groups.size() == 1) seen_groups.insert(*groups.begin());
  }
  // Over all, 5 of 19 classes are of one group in 2 * C(8,5) / C(19,5) = 1 % of the tasks.
  CHECK(std::abs(within / double{draws} - (0.3 + 0.7 * 0.0096)) < 0.08);
  CHECK(seen_groups == std::set<std::size_t>{1, 2});
}

TEST_CASE("sample.tasks: with rotations a small group is enough; weights hold") {
  const Dataset data = small_dataset({2}, 2);
  const ImageBatch task = draw(data, "ways = 8\nrotations = true");
  CHECK(std::set<std::int32_t>(task.classes.begin(), task.classes.end()).size() == 8);
  for (std::size_t i = 0; i < task.images.count; ++i)
    CHECK(seen(task.images, i).turns == task.classes[i] % 4);
  const Dataset many = small_dataset({6, 6}, 2);
  for (std::uint64_t i = 0; i < 20; ++i)
    CHECK(groups_of(many, draw(many, "ways = 3\nclass_weights = [{ classes = 'g0/.*', weight = 0 }]",
                               {.index = i})) == std::set<std::size_t>{1});
}

TEST_CASE("sample.tasks: any task can be asked for first") {
  const Dataset data = small_dataset({9}, 3);
  Bench bench("sample.tasks", "ways = 4");
  bench.constant("data", data);
  std::vector<ImageBatch> forward;
  for (std::uint64_t i = 0; i < 5; ++i) forward.push_back(bench.make<ImageBatch>({.index = i}));
  for (std::uint64_t i = 5; i-- > 0;) {
    CHECK(draw(data, "ways = 4", {.index = i}).images.pixels == forward[i].images.pixels);
    if (i > 0) CHECK(forward[i].images.pixels != forward[i - 1].images.pixels);
  }
}

TEST_CASE("sample.tasks says what the data set lacks") {
  CHECK(
      failure(small_dataset({3, 3}, 2), "ways = 4") ==
      "no alphabet of the data set 'small' has the 4 classes that a task within one needs; within_group = 0 "
      "draws over all");
  CHECK(failure(small_dataset({3, 3}, 2), "ways = 4\nwithin_group = 0") == "");
  CHECK(failure(small_dataset({3}, 2), "ways = 4") == "the data set 'small' has 3 classes, but ways needs 4");
  CHECK(failure(small_dataset({3}, 2), "ways = 2\nqueries = 2") ==
        "class 'c0' of alphabet 'g0' in the data set 'small' has 2 images, but a task's support and queries "
        "needs 3");
}
