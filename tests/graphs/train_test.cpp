#include <doctest/doctest.h>

#include <sstream>

#include "program.h"

TEST_CASE("the main job, whole, reaches its accuracy on alphabets it never saw") {
  const TempFolder temp;
  const Finished run = flowrun(temp, {graph("train.toml"), "--output", "run"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  MESSAGE(run.output);
  const auto result = run_result(temp, "run");
  // The margin below the 98 % that it reaches is wider than the interval of 1000 trials.
  CHECK(result["metrics"]["one_shot"]["accuracy"] >= 0.90);
  CHECK(result["metrics"]["one_shot"]["baseline.accuracy"] < 0.45);  // the same tasks, by their pixels
  for (const char* file : {"best.safetensors", "seen.png", "mistakes.png"})
    CHECK(std::filesystem::file_size(temp.path / "run" / file) > 1000);

  // It ends with what was reached and where the model is.
  std::vector<std::string> lines;
  std::istringstream output(run.output);
  for (std::string line; std::getline(output, line);) lines.push_back(line);
  REQUIRE(lines.size() > 2);
  CHECK(lines.back().find(": ") != std::string::npos);  // how it ended: all epochs, or stopped early
  const std::string& best = lines[lines.size() - 2];
  CHECK(best.starts_with("best accuracy 9"));
  CHECK(best.ends_with(": run/best.safetensors"));
}
