#include "plugins/sample/listed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "draw_pairs.h"
#include "small_dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

/// Images 0 to 19; image 2k and 2k+1 are a pair, the first `same` of these the same, the others different.
Dataset list_of(std::size_t same, std::size_t different) {
  Dataset data = small_dataset({1}, 20);
  data.classes.clear();
  data.groups.clear();
  for (std::size_t i = 0; i < same + different; ++i) data.pairs.push_back({2 * i, 2 * i + 1, i < same});
  return data;
}

std::size_t left_of(const PairBatch& batch, std::size_t i) { return seen(batch.images, i).image; }
std::size_t right_of(const PairBatch& batch, std::size_t i) {
  return seen(batch.images, batch.pairs() + i).image;
}

}  // namespace

TEST_CASE("sample.pairs on a list: only listed pairs, left and right as listed, with their label") {
  const Dataset data = list_of(4, 6);
  for (const std::string label : {"0", "1"})
    for (const PairBatch& batch : draw_many(data, "pairs = 6\nlabel_of_same = " + label, 50)) {
      REQUIRE(batch.pairs() == 6);
      REQUIRE(std::to_string(batch.label_of_same) == label);
      for (std::size_t i = 0; i < 6; ++i) {
        REQUIRE(left_of(batch, i) % 2 == 0);
        REQUIRE(right_of(batch, i) == left_of(batch, i) + 1);
        REQUIRE(batch.same(i) == (left_of(batch, i) < 8));
      }
    }
}

TEST_CASE("sample.pairs on a list: same_fraction holds, whatever the list's own share") {
  for (const PairBatch& batch : draw_many(list_of(2, 8), "pairs = 8\nsame_fraction = 0.75", 20)) {
    std::size_t same = 0;
    for (std::size_t i = 0; i < 8; ++i) same += batch.same(i);
    CHECK(same == 6);
  }
  std::string pattern;
  for (const PairBatch& batch : draw_many(list_of(2, 8), "pairs = 1", 6))
    pattern += batch.same(0) ? 's' : 'd';
  CHECK(pattern == "dsdsds");
}

TEST_CASE("sample.pairs on a list: without replacement while there are enough") {
  for (const PairBatch& batch : draw_many(list_of(4, 6), "pairs = 8", 50)) {
    std::set<std::size_t> left;
    for (std::size_t i = 0; i < 8; ++i) left.insert(left_of(batch, i));
    REQUIRE(left.size() == 8);
  }
  for (const PairBatch& batch : draw_many(list_of(4, 6), "pairs = 20", 50)) {  // 10 same: each 2 or 3 times
    std::map<std::size_t, int> left;
    for (std::size_t i = 0; i < 20; ++i) ++left[left_of(batch, i)];
    REQUIRE(left.size() == 10);
    for (const auto& [image, times] : left)
      REQUIRE((image < 8 ? times == 2 || times == 3 : times == 1 || times == 2));
  }
}

TEST_CASE("sample.pairs on a list: every pair of a label is equally likely, in every place") {
  std::map<std::size_t, int> at_first, all;
  for (const PairBatch& batch : draw_many(list_of(4, 6), "pairs = 4", 3000)) {
    ++at_first[left_of(batch, 0)];
    for (std::size_t i = 0; i < 4; ++i) ++all[left_of(batch, i)];
  }
  REQUIRE(all.size() == 10);
  // 6000 same draws over 4, 6000 different ones over 6; five deviations of sqrt(n p (1 - p)).
  for (const auto& [image, times] : all)
    CHECK(std::abs(times - (image < 8 ? 1500 : 1000)) < (image < 8 ? 168 : 145));
  for (const auto& [image, times] : at_first)
    CHECK(std::abs(times - (image < 8 ? 375 : 250)) < (image < 8 ? 91 : 76));
}

TEST_CASE("sample.pairs on a list: a batch depends on the item alone, whichever is asked for first") {
  const Dataset data = list_of(4, 6);
  const auto many = draw_many(data, "pairs = 6", 6);
  Bench bench("sample.pairs", "pairs = 6");
  bench.constant("data", data);
  const PairBatch alone = bench.make<PairBatch>({.index = 5, .step = 5});
  CHECK(alone.labels == many[5].labels);
  CHECK(alone.images.pixels == many[5].images.pixels);
  CHECK(bench.make<PairBatch>({.epoch = 1, .index = 5}).images.pixels != alone.images.pixels);
}

TEST_CASE("sample.pairs refuses a list without such pairs, before the stream starts") {
  CHECK(failure(list_of(0, 3), "") == "the data set 'small' lists no same pair, but same_fraction is 0.5");
  CHECK(failure(list_of(3, 0), "same_fraction = 0.25") ==
        "the data set 'small' lists no different pair, but same_fraction is 0.25");
  CHECK(failure(list_of(0, 3), "same_fraction = 0") == "");
  CHECK(failure(list_of(3, 0), "same_fraction = 1") == "");
  for (const auto& [key, toml] : {std::pair("negatives_in_group", "negatives_in_group = 0.5"),
                                  {"rotations", "rotations = true"},
                                  {"class_weights", "class_weights = [{ classes = '.*', weight = 2.0 }]"}})
    CHECK(failure(list_of(3, 3), toml) ==
          std::string("the data set 'small' is a list of pairs, which has no classes for ") + key);
}
