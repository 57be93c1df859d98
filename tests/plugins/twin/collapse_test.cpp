#include "plugins/twin/collapse.h"

#include "check_distance.h"

using namespace twinflow::twin;

TEST_CASE("rows that are alike have collapsed, whatever they hold") {
  CHECK(all_alike(rows({{1, 2, 3}, {1, 2, 3}})));
  CHECK(all_alike(rows({{0, 0}, {0, 0}, {0, 0}})));
  CHECK(all_alike(rows({{1e6f, 1.0f}, {1e6f, 2.0f}})));  // 1 in a million
  CHECK(!all_alike(rows({{1, 2, 3}, {1, 2, 3.001f}})));
  CHECK(!all_alike(rows({{0, 0}, {0, 1e-20f}})));
}

TEST_CASE("one row is like nothing") { CHECK(!all_alike(rows({{1, 2}}))); }
