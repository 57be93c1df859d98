#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "program.h"

namespace {

/// A line of metrics.jsonl for each update of graphs/full-batch.toml, on a small set.
std::vector<nlohmann::json> updates(const std::string& micro_batch) {
  const TempFolder temp;
  const Finished run =
      flowrun(temp, {graph("full-batch.toml"), "--epochs", "2", "--set", "glyphs.classes=320", "--set",
                     "glyphs.samples=2", "--set", "one_shot.trials=100", "--set", "twin.precision=f32",
                     "--set", "twin.micro_batch=" + micro_batch, "--output", "run"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.output.find("twin: images of 1x28x28, batches of 240, ") != run.output.npos);
  CHECK(run.output.find(micro_batch + " images at once") != run.output.npos);
  std::istringstream lines(read_file(temp.path / "run/metrics.jsonl"));
  std::vector<nlohmann::json> all;
  for (std::string line; std::getline(lines, line);)
    if (nlohmann::json one = nlohmann::json::parse(line); one["node"] == "twin") all.push_back(one);
  return all;
}

}  // namespace

TEST_CASE("full-batch.toml makes one update an epoch, of all images, the same one in however many parts") {
  const auto parts = updates("48"), whole = updates("240");
  REQUIRE(whole.size() == 2);
  REQUIRE(parts.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(parts[i]["epoch"] == i);
    CHECK(parts[i]["step"] == i);
    const double loss = whole[i]["metrics"]["loss"];
    CHECK(parts[i]["metrics"]["loss"].get<double>() == doctest::Approx(loss).epsilon(1e-4));
    CHECK((i == 0 || loss < whole[i - 1]["metrics"]["loss"].get<double>()));
  }
}
