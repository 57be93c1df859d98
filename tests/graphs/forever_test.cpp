#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "program.h"

namespace {

/// graphs/forever.toml with epochs of two updates on a small set. `more`: further arguments.
std::vector<std::string> shortened(std::vector<std::string> more) {
  std::vector<std::string> arguments{graph("forever.toml")};
  for (const char* set : {"run.steps_per_epoch=2", "glyphs.classes=320", "glyphs.samples=2", "glyphs.size=20",
                          "batches.classes_per_batch=8", "held_out.trials=200",
                          "twin.network={type=\"conv4\",filters=8,blocks=2}"})
    arguments.insert(arguments.end(), {"--set", set});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::set<std::string> kept(const TempFolder& temp) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(temp.path / "run"))
    if (const std::string name = entry.path().filename().string(); name.starts_with("best-step-"))
      names.insert(name);
  return names;
}

/// What is to be kept, from what was measured: the best 5, of equal ones the earlier, and the last.
std::set<std::string> worth_keeping(const TempFolder& temp) {
  std::istringstream lines(read_file(temp.path / "run/metrics.jsonl"));
  std::vector<std::pair<double, int>> all;  // accuracy and update
  for (std::string line; std::getline(lines, line);)
    if (const auto one = nlohmann::json::parse(line); one["node"] == "held_out")
      all.emplace_back(one["metrics"]["accuracy"], one["step"].get<int>() + 1);
  const auto file = [](const auto& one) { return fmt::format("best-step-{}.safetensors", one.second); };
  REQUIRE(all.size() > 5);
  std::set<std::string> names{file(all.back())};
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < 5; ++i) names.insert(file(all[i]));
  return names;
}

}  // namespace

TEST_CASE("forever.toml ends by its budget and keeps the best 5 models and the last") {
  const TempFolder temp;
  const Finished run = flowrun(temp, shortened({"--max-steps", "41", "--output", "run"}));
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run_result(temp, "run")["steps"] == 41);
  CHECK(kept(temp) == worth_keeping(temp));
  for (const char* link : {"best.safetensors", "best-last.safetensors"})
    CHECK(std::filesystem::is_regular_file(temp.path / "run" / link));
}

TEST_CASE("forever.toml ends by itself when nothing gets better") {
  const TempFolder temp;
  const Finished run =
      flowrun(temp, shortened({"--set", "stop.baseline=1", "--set", "stop.patience=4", "--output", "run"}));
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.output.find("stopped: accuracy has not improved on 100.00 % for 4 evaluations") !=
        run.output.npos);
  CHECK(run_result(temp, "run")["steps"] == 8);
}

TEST_CASE("forever.toml ends by Ctrl-C with its state saved, and goes on") {
  const TempFolder temp;
  const Process program(temp, "flowrun", shortened({"--output", "run"}));
  for (int i = 0; i < 3000 && !std::filesystem::exists(temp.path / "run/best.safetensors"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(program.process, SIGINT);
  const Finished stopped = program.wait();
  CHECK(stopped.exit_code == 3);
  const auto before = run_result(temp, "run")["steps"].get<int>();
  const Finished more = flowrun(temp, {"--resume", "run", "--max-steps", std::to_string(before + 3)});
  CHECK(more.errors == "");
  CHECK(more.exit_code == 0);
  CHECK(run_result(temp, "run")["steps"] == before + 3);
}
