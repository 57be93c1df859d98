#include "plugins/sample/require.h"

#include <doctest/doctest.h>

#include <memory>

#include "small_dataset.h"
#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::sample;

namespace {

ClassChoice all_of(const Dataset& data, bool rotations = false) { return {data, rotations, {}}; }

}  // namespace

TEST_CASE("require_classes counts classes, and with rotations four times as many") {
  const Dataset data = small_dataset({2, 1}, 1);
  CHECK_NOTHROW(require_classes(data, all_of(data), 3, "x"));
  CHECK_THROWS_WITH_AS(require_classes(data, all_of(data), 4, "classes_per_batch"),
                       "the data set 'small' has 3 classes, but classes_per_batch needs 4", Error);
  CHECK_NOTHROW(require_classes(data, all_of(data, true), 12, "x"));
  CHECK_THROWS_WITH_AS(
      require_classes(data, all_of(data, true), 13, "classes_per_batch"),
      "the data set 'small' has 3 classes (12 with rotations), but classes_per_batch needs 13", Error);
  CHECK_THROWS_WITH_AS(require_classes(data, ClassChoice(data, false, {{"g0/.*", 0.0}}), 2, "a pair"),
                       "the data set 'small' has 1 class of a weight above 0, but a pair needs 2", Error);
  CHECK_THROWS_WITH_AS(require_classes(Dataset(), all_of(Dataset()), 1, "a pair"),
                       "the data set has 0 classes, but a pair needs 1", Error);
  Dataset pairs;
  pairs.pairs = {{0, 1, true}};
  CHECK_THROWS_WITH_AS(require_classes(pairs, all_of(pairs), 1, "x"),
                       "the data set is a list of pairs without classes: sample.pairs draws from it", Error);
}

TEST_CASE("require_images names the first class that has too few, of those that are drawn from") {
  Dataset data = small_dataset({2, 2}, 3);
  CHECK_NOTHROW(require_images(data, all_of(data), 3, "x"));
  data.classes[3].images.resize(1);
  CHECK_THROWS_WITH_AS(
      require_images(data, all_of(data), 2, "samples_per_class"),
      "class 'c1' of alphabet 'g1' in the data set 'small' has 1 image, but samples_per_class needs 2",
      Error);
  CHECK_NOTHROW(require_images(data, ClassChoice(data, false, {{"g1/c1", 0.0}}), 2, "x"));
}

TEST_CASE("require_company finds a class alone in its group; an empty group does no harm") {
  const Dataset good = small_dataset({2, 0, 3}, 1), bad = small_dataset({2, 1}, 1);
  CHECK_NOTHROW(require_company(good, all_of(good), "x"));
  CHECK_NOTHROW(require_company(bad, all_of(bad, true), "x"));  // it has itself, turned
  CHECK_THROWS_WITH_AS(require_company(bad, all_of(bad), "negatives_in_group"),
                       "alphabet 'g1' in the data set 'small' has 1 class, but negatives_in_group needs 2",
                       Error);
}

TEST_CASE("require_square") {
  Dataset data = small_dataset({1}, 1);
  CHECK_NOTHROW(require_square(data, "x"));
  auto store = std::make_shared<PixelStore>(*data.store);
  store->height = 1, store->width = 4;
  data.store = store;
  CHECK_THROWS_WITH_AS(
      require_square(data, "rotations"),
      "the images of the data set 'small' are 1 x 4 (height x width), but rotations needs them square",
      Error);
}
