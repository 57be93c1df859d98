#include <doctest/doctest.h>

#include "program.h"

namespace {

Finished flowinspect(const std::vector<std::string>& arguments) {
  const TempFolder temp;
  return Program(temp, "flowinspect", arguments).wait();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("all types are listed by kind, with their summaries") {
  const Finished list = flowinspect({});
  CHECK(list.exit_code == 0);
  CHECK(list.errors == "");
  for (const char* type :
       {"data.glyphs", "data.omniglot", "augment.affine", "augment.resize", "sample.classes", "sample.pairs",
        "twin.train", "twin.evaluate", "monitor.checkpoint", "monitor.early_stop", "adamw", "sgd", "conv",
        "all_pairs", "bce", "cosine", "exponential", "weighted_l1"})
    CHECK(contains(list.output, std::string("\n  ") + type + " "));
  for (const char* kind : {"node", "layer", "loss", "optimizer", "schedule", "distance"})
    CHECK(contains("\n" + list.output, std::string("\n") + kind + "\n"));
}

TEST_CASE("one type is shown with ports and parameters") {
  const Finished affine = flowinspect({"augment.affine"});
  CHECK(affine.exit_code == 0);
  CHECK(contains(affine.output, "image batch or pair batch"));
  CHECK(contains(affine.output, "rotation"));
  CHECK(contains(affine.output, "[number, number], default [0.0, 0.0], -360 to 360 degrees"));
  CHECK(contains(flowinspect({"run"}).output, "steps_per_epoch"));
}

TEST_CASE("a mistyped type gets a suggestion") {
  const Finished typo = flowinspect({"augment.afine"});
  CHECK(typo.exit_code == 2);
  CHECK(typo.errors == "error: there is no type 'augment.afine'; did you mean 'augment.affine'?\n");
}
