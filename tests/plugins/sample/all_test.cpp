#include <doctest/doctest.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "small_dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

struct Epoch {
  std::vector<std::size_t> images, batches;  // in order; how many images each batch had
};

Epoch epoch_of(const Dataset& data, const std::string& toml, std::uint64_t epoch = 0) {
  Bench bench("sample.all", toml);
  bench.constant("data", data);
  bench.open();
  const std::uint64_t items = bench.info().source_items(bench.node());
  Epoch all;
  for (std::uint64_t i = 0; i < items; ++i) {
    const ImageBatch batch = bench.make<ImageBatch>({.epoch = epoch, .index = i});
    all.batches.push_back(batch.images.count);
    REQUIRE(batch.classes.size() == batch.images.count);
    for (std::size_t k = 0; k < batch.images.count; ++k) {
      all.images.push_back(seen(batch.images, k).image);
      REQUIRE(batch.classes[k] == static_cast<std::int32_t>(all.images.back() / 3));
    }
  }
  return all;
}

}  // namespace

TEST_CASE("sample.all: every image once, class by class, the last batch smaller") {
  const Epoch all = epoch_of(small_dataset({2, 3}, 3), "batch = 4");
  CHECK(all.images == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14});
  CHECK(all.batches == std::vector<std::size_t>{4, 4, 4, 3});
}

TEST_CASE("sample.all: the whole set in one batch, and one image at a time") {
  CHECK(epoch_of(small_dataset({2, 3}, 3), "batch = 0").batches == std::vector<std::size_t>{15});
  CHECK(epoch_of(small_dataset({2, 3}, 3), "batch = 1").batches == std::vector<std::size_t>(15, 1));
}

TEST_CASE("sample.all: shuffled, every image once all the same, and every epoch in another order") {
  const Dataset data = small_dataset({2, 3}, 3);
  const auto first = epoch_of(data, "batch = 4\nshuffle = true", 0).images;
  const auto second = epoch_of(data, "batch = 4\nshuffle = true", 1).images;
  CHECK(first != second);
  CHECK(first == epoch_of(data, "batch = 7\nshuffle = true", 0).images);
  for (const auto& order : {first, second}) {
    CHECK(!std::is_sorted(order.begin(), order.end()));
    CHECK(std::set<std::size_t>(order.begin(), order.end()).size() == 15);
  }
}

TEST_CASE("sample.all: any batch of any epoch can be asked for first, and many at once") {
  const Dataset data = small_dataset({20}, 3);
  const std::string toml = "batch = 1\nshuffle = true";
  Bench bench("sample.all", toml);
  bench.constant("data", data);
  bench.open();
  std::vector<std::vector<std::size_t>> drawn(3, std::vector<std::size_t>(60));
  tbb::parallel_for(std::size_t{0}, std::size_t{180}, [&](std::size_t i) {
    const Item item{.epoch = i % 3, .index = 59 - i / 3};
    drawn[item.epoch][item.index] = seen(bench.make<ImageBatch>(item).images, 0).image;
  });
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) CHECK(drawn[epoch] == epoch_of(data, toml, epoch).images);
}

TEST_CASE("sample.all of nothing") {
  Bench bench("sample.all");
  bench.constant("data", Dataset());
  CHECK_THROWS_WITH_AS(bench.open(), "the data set has 0 classes, but sample.all needs 1", Error);
}
