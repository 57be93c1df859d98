#include "plugins/twin/collapse.h"

#include "check_distance.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("rows that are alike have collapsed, whatever they hold") {
  CHECK(all_alike(rows({{1, 2, 3}, {1, 2, 3}})));
  CHECK(all_alike(rows({{0, 0}, {0, 0}, {0, 0}})));
  CHECK(all_alike(rows({{1e6f, 1.0f}, {1e6f, 2.0f}})));  // 1 in a million
  CHECK(!all_alike(rows({{1, 2, 3}, {1, 2, 3.001f}})));
  CHECK(!all_alike(rows({{0, 0}, {0, 1e-20f}})));
}

TEST_CASE("images of the same pixels are alike; one is like nothing") {
  Images images(3, 1, 2, 2);
  std::fill(images.pixels.begin(), images.pixels.end(), 0.5f);
  CHECK(all_alike(images));
  images.image(2)[3] = 0.25f;
  CHECK(!all_alike(images));
  CHECK(!all_alike(Images(1, 1, 2, 2)));
}

TEST_CASE("one row is like nothing") { CHECK(!all_alike(rows({{1, 2}}))); }
