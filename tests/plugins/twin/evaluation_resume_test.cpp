// Models that are measured within an epoch, in whole runs.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "plan.h"
#include "runtime.h"
#include "send_signal.h"
#include "temp_folder.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

using namespace twinflow;

namespace {

/// Has the process told to stop when a certain item passes.
class Interrupt final : public Map<ImageBatch, ImageBatch> {
 public:
  static void describe(NodeSpec<Interrupt>& spec) { spec.summary("Interrupts."); }
  ImageBatch apply(ImageBatch batch, const Item& item) const override {
    if (item.step == at) send_signal(SIGTERM);
    return batch;
  }
  static inline std::atomic<std::uint64_t> at = endless;
};
TWINFLOW_NODE("evaluation.interrupt", Interrupt)

const char* const graph = R"(
[run]
epochs = 2
steps_per_epoch = 10
[node.glyphs]
type = "data.glyphs"
classes = 600
samples = 4
size = 12
[node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = 8
[node.augmented]
type = "augment.affine"
from = "batches"
rotation = 10
[node.norm]
type = "augment.normalize"
from = "augmented"
[node.interrupt]
type = "evaluation.interrupt"
from = "norm"
[node.twin]
type = "twin.train"
from = "interrupt"
layer = [{ type = "dense", units = 16 }, { type = "l2_normalize" }]
model_every = 3
weight_average = 0.8
[node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.validation", through = "norm", copies_through = ["augmented", "norm"] }
ways = 10
trials = 100
draw = "each_time"
copies = 1
every = 2
baseline = true
[[node.one_shot.protocol]]
name = "any"
ways = 30
trials = 100
within = "any"
[node.best]
type = "monitor.checkpoint"
from = "one_shot"
monitor = "any.accuracy"
)";

/// What the evaluation reported, but for what depends on the machine.
std::vector<std::string> measured(const std::filesystem::path& run) {
  std::vector<std::string> all;
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    auto one = nlohmann::json::parse(line);
    if (one["node"] != "one_shot") continue;
    one.erase("time");
    one["metrics"].erase("seconds");
    all.push_back(one.dump());
  }
  return all;
}

int run(const TempFolder& temp, RunOptions options) {
  Problems problems;
  Plan plan = make_plan(temp.write("g.toml", graph), {}, problems);
  REQUIRE(problems.str() == "");
  options.quiet = true;
  return run_plan(plan, options);
}

}  // namespace

TEST_CASE("a run resumed within an epoch measures the same, for any number of threads") {
  const TempFolder temp;
  Interrupt::at = endless;
  REQUIRE(run(temp, {.output = temp.path / "whole", .threads = 2}) == finished);
  const auto whole = measured(temp.path / "whole");
  // Updates 3, 6, 9, 10 and 12, 15, 18, 20: every second model, the last of them the run's.
  REQUIRE(whole.size() == 4);
  CHECK(whole[0].find("\"baseline.accuracy\"") != std::string::npos);
  CHECK(whole[1].find("\"baseline.accuracy\"") == std::string::npos);
  for (const std::uint64_t at : {4, 7, 13}) {
    CAPTURE(at);
    const std::filesystem::path folder = temp.path / fmt::format("cut{}", at);
    Interrupt::at = at;
    REQUIRE(run(temp, {.output = folder, .threads = 1}) == interrupted);
    CHECK(measured(folder).size() < 4);
    Interrupt::at = endless;
    REQUIRE(run(temp, {.resume = folder, .threads = 8}) == finished);
    CHECK(measured(folder) == whole);
    CHECK(read_file(folder / "best.safetensors") == read_file(temp.path / "whole/best.safetensors"));
  }
}
