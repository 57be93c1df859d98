#include "aliases.h"

#include <doctest/doctest.h>

using namespace twinflow;

TEST_CASE("aliases: what other libraries call a type") {
  CHECK(alias_of("distance", "euclidean") == "l2");
  CHECK(alias_of("loss", "euclidean") == "");
  CHECK(alias_of("distance", "l2") == "");
}
