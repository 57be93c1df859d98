#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "small_dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

ImageBatch draw(const Dataset& data, const std::string& toml, const Item& item, std::uint64_t seed = 1) {
  Bench bench("sample.classes", toml, seed);
  bench.constant("data", data);
  return bench.make<ImageBatch>(item);
}

std::vector<ImageBatch> draw_many(const Dataset& data, const std::string& toml, std::uint64_t count) {
  Bench bench("sample.classes", toml);
  bench.constant("data", data);
  std::vector<ImageBatch> batches;
  for (std::uint64_t i = 0; i < count; ++i) batches.push_back(bench.make<ImageBatch>({.index = i}));
  return batches;
}

std::set<std::size_t> groups_in(const Dataset& data, const ImageBatch& batch) {
  std::set<std::size_t> groups;
  for (const std::int32_t one : batch.classes)
    groups.insert(data.classes[static_cast<std::size_t>(one)].group);
  return groups;
}

std::string failure(const Dataset& data, const std::string& toml) {
  try {
    draw(data, toml, {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("sample.classes: sample by sample, all classes and all samples different") {
  const Dataset data = small_dataset({10, 10}, 5);
  for (const ImageBatch& batch : draw_many(data, "classes_per_batch = 6\nsamples_per_class = 3", 50)) {
    REQUIRE(batch.images.count == 18);
    REQUIRE(batch.images.height == 2);
    std::set<std::size_t> images;
    for (std::size_t i = 0; i < 18; ++i) {
      REQUIRE(batch.classes[i] == batch.classes[i % 6]);  // image s * P + p is of the p-th class
      const Seen shot = seen(batch.images, i);
      REQUIRE(shot.turns == 0);
      REQUIRE(static_cast<std::int32_t>(shot.image / 5) == batch.classes[i]);
      images.insert(shot.image);
    }
    REQUIRE(images.size() == 18);
    REQUIRE(std::set<std::int32_t>(batch.classes.begin(), batch.classes.end()).size() == 6);
  }
}

TEST_CASE("sample.classes: every class and every sample is equally likely") {
  const Dataset data = small_dataset({4, 8, 4}, 3);
  std::map<std::size_t, int> images;
  std::map<std::int32_t, int> first;
  const int count = 4000;
  for (const ImageBatch& batch :
       draw_many(data, "classes_per_batch = 4\nsamples_per_class = 2\ngroup_fraction = 0", count)) {
    for (std::size_t i = 0; i < 8; ++i) ++images[seen(batch.images, i).image];
    ++first[batch.classes[0]];
  }
  // An image is in a batch with probability 4/16 * 2/3 = 1/6; five deviations of sqrt(4000 / 6 * 5 / 6) are
  // 118.
  REQUIRE(images.size() == 48);
  for (const auto& [image, times] : images) CHECK(std::abs(times - count / 6) < 118);
  // The order is random too: five deviations of sqrt(4000 / 16 * 15 / 16) are 77.
  for (const auto& [one, times] : first) CHECK(std::abs(times - count / 16) < 77);
}

TEST_CASE("sample.classes: group_fraction of the batches keep to groups_per_batch groups") {
  const Dataset data = small_dataset({8, 8, 8, 8, 8, 8}, 1);
  const std::string toml =
      "classes_per_batch = 8\nsamples_per_class = 1\ngroups_per_batch = 2\ngroup_fraction = ";
  const auto kept = [&](const std::string& fraction) {
    int batches = 0;
    for (const ImageBatch& batch : draw_many(data, toml + fraction, 2000))
      batches += groups_in(data, batch).size() <= 2;
    return batches;
  };
  CHECK(kept("1") == 2000);
  // Five deviations of sqrt(2000 * 1/4 * 3/4) are 97.
  CHECK(std::abs(kept("0.25") - 500) < 97);
  CHECK(kept("0") < 8);  // eight of all 48 classes are of two groups once in 2,000 batches
}

TEST_CASE("sample.classes: all pairs of groups come up equally often") {
  const Dataset data = small_dataset({8, 8, 8, 8}, 1);
  std::map<std::set<std::size_t>, int> drawn;
  for (const ImageBatch& batch :
       draw_many(data, "classes_per_batch = 12\nsamples_per_class = 1\ngroup_fraction = 1", 3000))
    ++drawn[groups_in(data, batch)];  // 12 classes do not fit into one group
  REQUIRE(drawn.size() == 6);
  for (const auto& [groups, times] : drawn) CHECK(std::abs(times - 500) < 103);  // 5 * sqrt(3000 / 6 * 5 / 6)
}

TEST_CASE(
    "sample.classes: groups_per_batch groups are taken even where fewer would do; empty ones do not count") {
  const Dataset data = small_dataset({0, 8, 0, 8, 0, 8, 0}, 1);
  int of_two = 0;
  for (const ImageBatch& batch : draw_many(
           data, "classes_per_batch = 8\nsamples_per_class = 1\ngroup_fraction = 1\ngroups_per_batch = 2",
           500))
    of_two += groups_in(data, batch).size() == 2;
  CHECK(of_two >= 499);  // 8 of 16 classes are of one group once in 6,435 batches
}

TEST_CASE("sample.classes: groups that are too small are joined by further ones") {
  const Dataset data = small_dataset({0, 2, 3, 2, 0, 2}, 1);
  for (const ImageBatch& batch : draw_many(
           data, "classes_per_batch = 6\nsamples_per_class = 1\ngroup_fraction = 1\ngroups_per_batch = 1",
           100)) {
    REQUIRE(batch.images.count == 6);
    REQUIRE(groups_in(data, batch).size() == 3);  // of 2 + 2 + 2, or of 3 + 2 + 2 classes; never four
  }
}

TEST_CASE("sample.classes: rotations make four classes of one, turned without loss") {
  const Dataset data = small_dataset({3, 2}, 2);
  std::set<std::int32_t> ids;
  bool met_itself = false;
  for (const ImageBatch& batch :
       draw_many(data, "classes_per_batch = 7\nsamples_per_class = 2\nrotations = true", 200)) {
    std::set<std::int32_t> here, originals;
    for (std::size_t i = 0; i < 14; ++i) {
      const Seen shot = seen(batch.images, i);
      REQUIRE(batch.classes[i] == static_cast<std::int32_t>(shot.image / 2 * 4) + shot.turns);
      REQUIRE(batch.classes[i] == batch.classes[i % 7]);
      here.insert(batch.classes[i]);
      originals.insert(batch.classes[i] / 4);
    }
    REQUIRE(here.size() == 7);
    met_itself |= originals.size() < 7;
    ids.insert(here.begin(), here.end());
  }
  CHECK(ids.size() == 20);
  CHECK(met_itself);  // 7 classes out of 5: turns of one class meet
}

TEST_CASE("sample.classes: a batch depends on seed, epoch and index alone, whichever is asked for first") {
  const Dataset data = small_dataset({10, 10, 10}, 4);
  const std::string toml = "classes_per_batch = 12";
  const auto many = draw_many(data, toml, 6);
  const ImageBatch alone = draw(data, toml, {.epoch = 0, .index = 5, .step = 77});
  CHECK(alone.classes == many[5].classes);
  CHECK(alone.images.pixels == many[5].images.pixels);
  CHECK(draw(data, toml, {.epoch = 1, .index = 5}).images.pixels != alone.images.pixels);
  CHECK(draw(data, toml, {.epoch = 0, .index = 4}).images.pixels != alone.images.pixels);
  CHECK(draw(data, toml, {.epoch = 0, .index = 5}, 2).images.pixels != alone.images.pixels);
}

TEST_CASE("sample.classes refuses a data set that is too small, before the stream starts") {
  const Dataset data = small_dataset({2, 1}, 2);
  CHECK(failure(data, "") == "the data set 'small' has 3 classes, but classes_per_batch needs 48");
  CHECK(failure(data, "rotations = true") ==
        "the data set 'small' has 3 classes (12 with rotations), but classes_per_batch needs 48");
  CHECK(failure(data, "classes_per_batch = 2\nsamples_per_class = 3") ==
        "class 'c0' of alphabet 'g0' in the data set 'small' has 2 images, but samples_per_class needs 3");
  Dataset wide = data;
  auto store = std::make_shared<PixelStore>(*data.store);
  store->height = 1, store->width = 4;
  wide.store = store;
  CHECK(failure(wide, "classes_per_batch = 2") == "");
  CHECK(failure(wide, "classes_per_batch = 2\nrotations = true") ==
        "the images of the data set 'small' are 1 x 4 (height x width), but rotations needs them square");
}
