// Files that nodes read as a run starts: a missing one is an error of the check.

#include <doctest/doctest.h>

#include "contains.h"
#include "program.h"

namespace {

const char* const trains = R"([run]
epochs = 1
steps_per_epoch = 2
[node.glyphs]
type = "data.glyphs"
size = 12
classes = 60
test_alphabets = 1
validation_alphabets = 1
[node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = 4
samples_per_class = 2
[node.twin]
type = "twin.train"
from = "batches"
layer = [{ type = "dense", units = 4 }, "l2_normalize"]
)";

const char* const keeps = R"([node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.validation" }
ways = 2
trials = 10
[node.best]
type = "monitor.checkpoint"
from = "one_shot"
monitor = "accuracy"
)";

}  // namespace

TEST_CASE("weights that are not there are an error at their line, and nothing is written") {
  const TempFolder temp;
  temp.write("g.toml", trains + std::string("weights = \"none.safetensors\"\n"));
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"g.toml", "--check"},
                                             {"g.toml", "--output", "run"},
                                             {"g.toml", "--output", "run", "--set", "twin.weights=."}}) {
    const Finished run = flowrun(temp, arguments);
    CHECK(run.exit_code == 2);
    CHECK(contains(run.errors, arguments.size() > 4 ? "--set:1:14: error: the file '"
                                                    : "g.toml:19:11: error: the file '"));
    CHECK(contains(run.errors, arguments.size() > 4 ? "' is not a regular file\n"
                                                    : "/none.safetensors' does not exist\n"));
  }
  const Finished both =
      flowrun(temp, {"g.toml", "--check", "--set", "twin.clip_norm=-1", "--set", "twin.lss=x"});
  CHECK(contains(both.errors, "none.safetensors' does not exist\n"));
  CHECK(contains(both.errors, "\n3 errors\n"));  // all at once
  CHECK(!std::filesystem::exists(temp.path / "run"));
  CHECK(Process(temp, "flowinspect", {"--dot", "g.toml"}).wait().exit_code == 0);  // it may be drawn
}

TEST_CASE("a resumed run does without the weights that it began with") {
  const TempFolder temp;
  temp.write("g.toml", trains + std::string(keeps));
  REQUIRE(flowrun(temp, {"g.toml", "--output", "first"}).exit_code == 0);
  const std::vector<std::string> set = {"--set", "twin.weights=first/best.safetensors"};
  REQUIRE(flowrun(temp, {"g.toml", set[0], set[1], "--output", "run"}).exit_code == 0);
  std::filesystem::remove_all(temp.path / "first");
  const Finished resumed = flowrun(temp, {"--resume", "run", "--epochs", "2"});
  CHECK(resumed.errors == "");
  CHECK(resumed.exit_code == 0);
}
