#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "bars.h"
#include "program.h"
#include "twinflow/tensors.h"

namespace {

/// A model to start from: "start.safetensors".
void write_start(const TempFolder& temp, const std::string& network) {
  const Finished run =
      flowrun(temp, {graph("folder.toml"), "--set", "images.path=mine", "--set", "images.size=20", "--set",
                     "twin.network=" + network, "--epochs", "1", "--set", "run.steps_per_epoch=2", "--set",
                     "one_shot.trials=100", "--output", "start"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  std::filesystem::copy(temp.path / "start/best.safetensors", temp.path / "start.safetensors");
}

Finished finetune(const TempFolder& temp, const std::string& network) {
  return flowrun(temp, {graph("finetune.toml"),
                        "--set",
                        "images.path=mine",
                        "--set",
                        "twin.weights=start.safetensors",
                        "--set",
                        "start.file=start.safetensors",
                        "--set",
                        "images.size=20",
                        "--set",
                        "twin.network=" + network,
                        "--epochs",
                        "2",
                        "--set",
                        "run.steps_per_epoch=3",
                        "--set",
                        "before.every=3",
                        "--set",
                        "one_shot.trials=200",
                        "--set",
                        "before.trials=200",
                        "--output",
                        "run"});
}

/// In order of time.
std::vector<double> accuracies(const TempFolder& temp, const std::string& node) {
  std::istringstream lines(read_file(temp.path / "run/metrics.jsonl"));
  std::vector<double> all;
  for (std::string line; std::getline(lines, line);)
    if (const auto one = nlohmann::json::parse(line); one["node"] == node)
      all.push_back(one["metrics"]["accuracy"]);
  return all;
}

}  // namespace

TEST_CASE(
    "finetune.toml leaves the first layers as they came, trains the others, and shows before and after") {
  struct Case {
    std::string network;
    std::size_t frozen, trained;  // tensors
  };
  for (const auto& [network, frozen_tensors, trained_tensors] :
       {Case{"{type=\"residual\",filters=4,blocks=2}", 17, 14}, Case{"{type=\"conv4\",filters=4}", 10, 10}}) {
    CAPTURE(network);
    const TempFolder temp;
    bars::write_folder(temp);
    write_start(temp, network);
    const Finished run = finetune(temp, network);
    CHECK(run.errors == "");
    REQUIRE(run.exit_code == 0);
    CHECK(run.output.find("safetensors: kept: 0.conv, 1.batch_norm, 4.") != run.output.npos);

    const auto start = twinflow::read_safetensors(temp.path / "start.safetensors").tensors,
               after = twinflow::read_safetensors(temp.path / "run/best.safetensors").tensors;
    REQUIRE(after.size() == start.size());
    std::size_t frozen = 0, trained = 0;
    for (const auto& [name, tensor] : start) {
      CAPTURE(name);
      const bool first = std::stoi(name) < 6;
      CHECK((after.at(name).values == tensor.values) == first);
      ++(first ? frozen : trained);
    }
    CHECK(frozen == frozen_tensors);
    CHECK(trained == trained_tensors);

    // The model as it came is measured at the end of each epoch, and does not change.
    const std::vector<double> before = accuracies(temp, "before"), one_shot = accuracies(temp, "one_shot");
    REQUIRE(before.size() == 2);
    CHECK(before[0] == before[1]);
    CHECK(one_shot.size() == 2);
  }
}
