#include "plugins/sample/require.h"

#include <doctest/doctest.h>

#include <memory>

#include "small_dataset.h"
#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::sample;

TEST_CASE("require_classes counts classes, and with rotations four times as many") {
  const Dataset data = small_dataset({2, 1}, 1);
  CHECK_NOTHROW(require_classes(data, 3, 1, "x"));
  CHECK_THROWS_WITH_AS(require_classes(data, 4, 1, "classes_per_batch"),
                       "the data set 'small' has 3 classes, but classes_per_batch needs 4", Error);
  CHECK_NOTHROW(require_classes(data, 12, 4, "x"));
  CHECK_THROWS_WITH_AS(
      require_classes(data, 13, 4, "classes_per_batch"),
      "the data set 'small' has 3 classes (12 with rotations), but classes_per_batch needs 13", Error);
  CHECK_THROWS_WITH_AS(require_classes(Dataset(), 1, 1, "a pair"),
                       "the data set has 0 classes, but a pair needs 1", Error);
}

TEST_CASE("require_images names the first class that has too few") {
  Dataset data = small_dataset({2, 2}, 3);
  CHECK_NOTHROW(require_images(data, 3, "x"));
  data.classes[3].images.resize(1);
  CHECK_THROWS_WITH_AS(
      require_images(data, 2, "samples_per_class"),
      "class 'c1' of alphabet 'g1' in the data set 'small' has 1 image, but samples_per_class needs 2",
      Error);
}

TEST_CASE("require_company finds a class alone in its group; an empty group does no harm") {
  CHECK_NOTHROW(require_company(small_dataset({2, 0, 3}, 1), "x"));
  CHECK_THROWS_WITH_AS(require_company(small_dataset({2, 1}, 1), "negatives_in_group"),
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
