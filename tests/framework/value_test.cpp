#include "twinflow/value.h"

#include <doctest/doctest.h>

using namespace twinflow;

TEST_CASE("the nearest name is suggested, half typed or with a slip, and none when none is near") {
  const std::vector<std::string> names{"augment.affine", "augment.resize", "data.glyphs", "adamw"};
  CHECK(did_you_mean("augment.afine", names) == "; did you mean 'augment.affine'?");
  CHECK(did_you_mean("data.gl", names) == "; did you mean 'data.glyphs'?");
  CHECK(did_you_mean("adamx", names) == "; did you mean 'adamw'?");
  CHECK(did_you_mean("banana", names) == "");
  CHECK(did_you_mean("x", names) == "");
  CHECK(did_you_mean("sdg", {"adam", "sgd"}) == "; did you mean 'sgd'?");
  CHECK(did_you_mean("path", {"size", "width", "memory"}) == "");
}

TEST_CASE("a name is also found by the part after its dot") {
  const std::vector<std::string> names{"augment.affine", "augment.resize", "data.glyphs"};
  CHECK(did_you_mean("affine", names) == "; did you mean 'augment.affine'?");
  CHECK(did_you_mean("aff", names) == "; did you mean 'augment.affine'?");
  CHECK(did_you_mean("resise", names) == "; did you mean 'augment.resize'?");
}
