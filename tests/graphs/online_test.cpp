#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "program.h"

namespace {

/// The one-shot accuracy after so many updates of graphs/online.toml, on a small set.
nlohmann::json measured(const TempFolder& temp, const std::string& updates) {
  const Finished run =
      flowrun(temp, {graph("online.toml"), "--epochs", "1", "--set", "run.steps_per_epoch=" + updates,
                     "--set", "glyphs.classes=320", "--set", "glyphs.samples=5", "--set",
                     "twin.schedule=constant", "--output", updates});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.output.find("twin: images of 1x28x28, batches of 2, ") != run.output.npos);
  return run_result(temp, updates)["metrics"]["one_shot"];
}

}  // namespace

TEST_CASE("online.toml learns from one pair at a time") {
  const TempFolder temp;
  const nlohmann::json first = measured(temp, "1"), later = measured(temp, "1500");
  CHECK(later["accuracy"].get<double>() > first["accuracy"].get<double>() + 0.04);
  CHECK(later["accuracy"].get<double>() > later["baseline.accuracy"].get<double>() + 0.15);  // pixels
}
