#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "draw_pairs.h"
#include "small_dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

constexpr std::size_t per_class = 3;

std::size_t image_at(const PairBatch& batch, std::size_t i) { return seen(batch.images, i).image; }
std::size_t class_at(const PairBatch& batch, std::size_t i) { return image_at(batch, i) / per_class; }
std::size_t same_in(const PairBatch& batch) {
  std::size_t same = 0;
  for (std::size_t i = 0; i < batch.pairs(); ++i) same += batch.same(i);
  return same;
}

}  // namespace

TEST_CASE("sample.pairs: labels tell the truth, and a same-class pair never holds one image twice") {
  const Dataset data = small_dataset({5, 5}, per_class);
  for (const std::string label : {"0", "1"})
    for (const PairBatch& batch : draw_many(data, "pairs = 8\nlabel_of_same = " + label, 100)) {
      REQUIRE(batch.pairs() == 8);
      REQUIRE(batch.images.count == 16);
      REQUIRE(std::to_string(batch.label_of_same) == label);
      for (std::size_t i = 0; i < 8; ++i) {
        REQUIRE(batch.same(i) == (class_at(batch, i) == class_at(batch, 8 + i)));
        REQUIRE(image_at(batch, i) != image_at(batch, 8 + i));
        REQUIRE(batch.labels[i] == (batch.same(i) ? batch.label_of_same : 1 - batch.label_of_same));
      }
    }
}

TEST_CASE("sample.pairs: same_fraction of the pairs, rounded, in random places") {
  const Dataset data = small_dataset({40}, per_class);
  const auto all_have = [&](const std::string& toml, std::size_t wanted) {
    for (const PairBatch& batch : draw_many(data, toml, 20)) REQUIRE(same_in(batch) == wanted);
  };
  all_have("", 16);
  all_have("pairs = 10\nsame_fraction = 0.3", 3);
  all_have("pairs = 10\nsame_fraction = 0.26", 3);
  all_have("pairs = 10\nsame_fraction = 0.24", 2);
  all_have("pairs = 5\nsame_fraction = 0.5", 3);  // 2.5: a half is rounded up
  all_have("pairs = 7\nsame_fraction = 0", 0);
  all_have("pairs = 7\nsame_fraction = 1", 7);

  std::vector<int> places(4);
  for (const PairBatch& batch : draw_many(data, "pairs = 4\nsame_fraction = 0.25", 2000))
    for (std::size_t i = 0; i < 4; ++i) places[i] += batch.same(i);
  for (const int times : places)
    CHECK(std::abs(times - 500) < 97);  // five deviations of sqrt(2000 * 1/4 * 3/4)
}

TEST_CASE("sample.pairs: single pairs alternate with the step") {
  const Dataset data = small_dataset({4}, per_class);
  const auto pattern = [&](const std::string& fraction) {
    std::string all;
    for (const PairBatch& batch : draw_many(data, "pairs = 1\nsame_fraction = " + fraction, 8))
      all += batch.same(0) ? 's' : 'd';
    return all;
  };
  CHECK(pattern("0.5") == "dsdsdsds");
  CHECK(pattern("0.25") == "dddsddds");
  CHECK(pattern("0.75") == "dsssdsss");
  CHECK(pattern("0") == "dddddddd");
  CHECK(pattern("1") == "ssssssss");
}

TEST_CASE("sample.pairs: left classes without replacement while there are enough") {
  const Dataset data = small_dataset({6, 6}, per_class);
  for (const PairBatch& batch : draw_many(data, "pairs = 12", 50)) {
    std::set<std::size_t> left;
    for (std::size_t i = 0; i < 12; ++i) left.insert(class_at(batch, i));
    REQUIRE(left.size() == 12);
  }
  for (const PairBatch& batch :
       draw_many(data, "pairs = 30", 50)) {  // each twice, and six of them a third time
    std::map<std::size_t, int> left;
    for (std::size_t i = 0; i < 30; ++i) ++left[class_at(batch, i)];
    REQUIRE(left.size() == 12);
    for (const auto& [one, times] : left) REQUIRE((times == 2 || times == 3));
  }
}

TEST_CASE("sample.pairs: left and right, every class and image is equally likely") {
  const Dataset data = small_dataset({3, 5}, per_class);
  std::map<std::size_t, int> left, right;
  for (const PairBatch& batch : draw_many(data, "pairs = 4", 3000))
    for (std::size_t i = 0; i < 4; ++i) ++left[image_at(batch, i)], ++right[image_at(batch, 4 + i)];
  REQUIRE(left.size() == 24);
  REQUIRE(right.size() == 24);
  // 12,000 pairs over 24 images; five deviations of sqrt(12000 / 24) are 112.
  for (const auto& [image, times] : left) CHECK(std::abs(times - 500) < 112);
  for (const auto& [image, times] : right) CHECK(std::abs(times - 500) < 112);
}

TEST_CASE("sample.pairs: the other class is any other, or another of the group") {
  const Dataset data = small_dataset({4, 0, 4}, per_class);
  const auto group = [](std::size_t one) { return one < 4 ? 0 : 1; };
  const auto count = [&](const std::string& fraction) {
    std::map<std::pair<std::size_t, std::size_t>, int> pairs;
    int within = 0;
    for (const PairBatch& batch :
         draw_many(data, "pairs = 8\nsame_fraction = 0\nnegatives_in_group = " + fraction, 700))
      for (std::size_t i = 0; i < 8; ++i) {
        const std::size_t left = class_at(batch, i), right = class_at(batch, 8 + i);
        within += group(left) == group(right);
        ++pairs[{left, right}];
      }
    return std::pair(within, pairs);
  };
  const auto [any, any_pairs] = count("0");  // 5,600 pairs; 3 of the 7 other classes are of the group
  CHECK(std::abs(any - 2400) < 186);         // five deviations of sqrt(5600 * 3/7 * 4/7)
  REQUIRE(any_pairs.size() == 56);
  for (const auto& [two, times] : any_pairs) CHECK(std::abs(times - 100) < 50);

  const auto [all, all_pairs] = count("1");
  CHECK(all == 5600);
  REQUIRE(all_pairs.size() == 24);
  for (const auto& [two, times] : all_pairs) CHECK(std::abs(times - 5600 / 24) < 77);

  const auto [half, half_pairs] = count("0.5");  // 1/2 + 1/2 * 3/7
  CHECK(std::abs(half - 4000) < 170);
}

TEST_CASE("sample.pairs: with rotations a turned class is another class, and pairs know it") {
  const Dataset data = small_dataset({2, 1}, per_class);
  std::set<std::pair<std::size_t, int>> lefts;
  bool turned_itself = false;
  for (const PairBatch& batch : draw_many(data, "pairs = 6\nrotations = true\nnegatives_in_group = 0.5", 100))
    for (std::size_t i = 0; i < 6; ++i) {
      const Seen left = seen(batch.images, i), right = seen(batch.images, 6 + i);
      lefts.insert({left.image / per_class, left.turns});
      const bool one_class = left.image / per_class == right.image / per_class;
      REQUIRE(batch.same(i) == (one_class && left.turns == right.turns));
      turned_itself = turned_itself || (one_class && left.turns != right.turns);
    }
  CHECK(lefts.size() == 12);
  CHECK(turned_itself);
}

TEST_CASE("sample.pairs: weights count for both sides of a pair") {
  const Dataset data = small_dataset({3, 3}, per_class);
  for (const PairBatch& batch :
       draw_many(data, "pairs = 4\nclass_weights = [{ classes = 'g0/.*', weight = 0.0 }]", 50))
    for (std::size_t i = 0; i < 8; ++i) REQUIRE(class_at(batch, i) >= 3);
}

TEST_CASE("sample.pairs: weights count where a batch has more pairs than there are classes, too") {
  std::vector<int> left(4);
  for (const PairBatch& batch :
       draw_many(small_dataset({4}, per_class),
                 "pairs = 16\nclass_weights = [{ classes = 'g0/c1', weight = 5 }]", 200))
    for (std::size_t i = 0; i < 16; ++i) ++left[class_at(batch, i)];
  // 3,200 draws by weights 1, 5, 1, 1; five deviations of sqrt(n p (1 - p)).
  for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(left[i] - (i == 1 ? 2000 : 400)) < (i == 1 ? 137 : 94));
}

TEST_CASE("sample.pairs: a batch depends on seed, epoch and index alone, whichever is asked for first") {
  const Dataset data = small_dataset({10, 10, 10}, per_class);
  const auto draw = [&](const Item& item, std::uint64_t seed = 1) {
    Bench bench("sample.pairs", "pairs = 12", seed);
    bench.constant("data", data);
    return bench.make<PairBatch>(item);
  };
  const auto many = draw_many(data, "pairs = 12", 6);
  const PairBatch alone = draw({.epoch = 0, .index = 5, .step = 77});
  CHECK(alone.labels == many[5].labels);
  CHECK(alone.images.pixels == many[5].images.pixels);
  CHECK(draw({.epoch = 1, .index = 5}).images.pixels != alone.images.pixels);
  CHECK(draw({.epoch = 0, .index = 4}).images.pixels != alone.images.pixels);
  CHECK(draw({.epoch = 0, .index = 5}, 2).images.pixels != alone.images.pixels);
}

TEST_CASE("sample.pairs refuses a data set without such pairs, before the stream starts") {
  CHECK(failure(small_dataset({1}, per_class), "") ==
        "the data set 'small' has 1 class, but a different-class pair needs 2");
  CHECK(failure(small_dataset({1}, per_class), "same_fraction = 1") == "");
  CHECK(failure(small_dataset({2}, 1), "") ==
        "class 'c0' of alphabet 'g0' in the data set 'small' has 1 image, but a same-class pair needs 2");
  CHECK(failure(small_dataset({2}, 1), "same_fraction = 0") == "");
  CHECK(failure(small_dataset({2, 1}, per_class), "negatives_in_group = 0.1") ==
        "alphabet 'g1' in the data set 'small' has 1 class, but negatives_in_group needs 2");
  CHECK(failure(small_dataset({2, 1}, per_class), "negatives_in_group = 0.1\nsame_fraction = 1") == "");
}
