#include <doctest/doctest.h>

#include <string>

#include "contains.h"
#include "program.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they reserve terabytes of data

namespace {

/// A run of a network with so many units, all of them seeing every pixel, that may have a gigabyte of data.
Finished limited(const TempFolder& temp, std::size_t units, const std::vector<std::string>& more = {}) {
  const std::string file = temp.write("wide.toml", R"(
[run]
epochs = 1
steps_per_epoch = 2
[node.glyphs]
type = "data.glyphs"
size = 16
classes = 40
test_alphabets = 0
validation_alphabets = 1
[node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = 8
samples_per_class = 2
[node.twin]
type = "twin.train"
from = "batches"
layer = [{ type = "dense", units = )" + std::to_string(units) +
                                                       R"( }, "relu", { type = "dense", units = 8 }]
optimizer = { type = "adam" }
[node.held_out]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.validation" }
ways = 5
trials = 20
[node.best]
type = "monitor.checkpoint"
from = "held_out"
)");
  std::vector<std::string> arguments = {
      "--data=1000000000", TWINFLOW_BUILD_DIR "/bin/flowrun", file, "--threads", "2", "--output", "run"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Process(temp, "/usr/bin/prlimit", arguments).wait();
}

}  // namespace

TEST_CASE("a run that does not fit into memory is refused before it begins, with what it would hold") {
  const TempFolder temp;
  const Finished wide = limited(temp, 100000);
  CHECK(wide.exit_code == 1);
  CAPTURE(wide.errors);
  CHECK(contains(wide.errors, "error: the run needs about "));
  CHECK(contains(wide.errors, " are left (the limit of data (ulimit -d) is 1.0 GB, of which "));
  for (const char* piece :
       {"weights and their gradients ('twin')", "the memory of the optimizer adam ('twin')",
        "a state being saved ('twin')", "a network that embeds images ('held_out')",
        "models that wait to be written ('best')", "it needs less with "})
    CHECK(contains(wide.errors, piece));
  CHECK(!std::filesystem::exists(temp.path / "run"));
}

TEST_CASE("a run that fits runs, below the same limit") {
  const TempFolder temp;
  const Finished narrow = limited(temp, 10000);
  CAPTURE(narrow.errors);
  CHECK(narrow.exit_code == 0);
  CHECK(std::filesystem::exists(temp.path / "run" / "best.safetensors"));
}

#endif
