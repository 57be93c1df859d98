#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "framework/test_nodes.h"
#include "runtime.h"
#include "temp_folder.h"

using namespace twinflow;

inline const char* const chain = R"(
[run]
seed = 5
epochs = 2
steps_per_epoch = 60
[node.count]
type = "test.count"
[node.offset]
type = "test.constant"
value = 100
[node.scale]
type = "test.scale"
from = { number = "count", offset = "offset" }
factor = 2.0
jitter = [0.0, 0.5]
[node.again]
type = "test.scale"
from = "scale"
[node.sum]
type = "test.sum"
from = "again"
[node.collect]
type = "test.collect"
from = "again"
[node.running]
type = "test.collect"
from = "sum.running"
[node.watch]
type = "test.watch"
from = "sum.total"
)";

/// The chain with a node in it that can send a signal; its sum is published and heard.
inline std::string breakable() {
  std::string graph = chain;
  const std::string old = "[node.again]";
  graph.replace(graph.find(old), old.size(),
                "[node.raise]\ntype = \"test.raise\"\nfrom = \"scale\"\n[node.again]");
  const std::string from = "from = \"scale\"\n[node.sum]";
  graph.replace(graph.find(from), from.size(), "from = \"raise\"\n[node.sum]");
  return graph + R"(
[node.announce]
type = "test.announce"
from = "sum.running"
[node.listen]
type = "test.listen"
from = "count"
[node.heard]
type = "test.collect"
from = "listen"
)";
}

/// Items wait for their other half.
inline const char* const half_way = R"(
[run]
epochs = 2
steps_per_epoch = 40
[node.count]
type = "test.count"
[node.raise]
type = "test.raise"
from = "count"
[node.late]
type = "test.delay"
from = "raise"
[node.both]
type = "test.subtract"
from = { left = "raise", right = "late" }
[node.collect]
type = "test.collect"
from = "both"
)";

/// metrics.jsonl but for the times.
inline std::vector<nlohmann::json> metrics(const std::filesystem::path& directory) {
  std::istringstream lines(read_file(directory / "metrics.jsonl"));
  std::vector<nlohmann::json> all;
  for (std::string line; std::getline(lines, line);) {
    all.push_back(nlohmann::json::parse(line));
    all.back().erase("time");
  }
  return all;
}

inline nlohmann::json result(const std::filesystem::path& directory) {
  return nlohmann::json::parse(read_file(directory / "result.json"));
}

struct Outcome {
  ExitCode code;
  std::string errors;
};

/// Runs the graph, with what it prints to standard error caught, in temp/run unless it resumes one.
inline Outcome run_graph(const std::string& graph, const TempFolder& temp, RunOptions options = {},
                         const std::vector<std::string>& overrides = {}) {
  if (options.resume.empty()) test_nodes::seen.clear();
  test_nodes::under_way = test_nodes::most_under_way = 0;
  Problems problems;
  Plan plan = make_plan(temp.write("graph.toml", graph), overrides, problems);
  REQUIRE(problems.str() == "");
  if (options.resume.empty()) {
    if (options.output.empty()) options.output = temp.path / "run";
    std::filesystem::remove_all(options.output);
  }
  std::fflush(stderr);
  const int kept = dup(STDERR_FILENO);
  const auto caught = temp.path / "stderr";
  REQUIRE(std::freopen(caught.c_str(), "w", stderr));
  options.quiet = true;
  const ExitCode code = run_plan(plan, options);
  std::fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
  return {code, read_file(caught)};
}
