#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
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
