// monitor.checkpoint in the real program, on a disk that fails.

#include <doctest/doctest.h>

#include "contains.h"
#include "program.h"
#include "twinflow/tensors.h"

namespace {

/// One epoch on a good disk, from which --resume --epochs 3 goes on. A model has 115 kB.
struct OneEpoch {
  TempFolder temp;
  std::filesystem::path run = temp.path / "run";
  OneEpoch() {
    temp.write("graph.toml", std::string("extends = \"") + TWINFLOW_SOURCE_DIR + R"(/tests/apps/examples.toml"
[run]
epochs = 1
steps_per_epoch = 20
save_every = 0
[node.glyphs]
size = 60
[node.best]
type = "monitor.checkpoint"
from = "one_shot"
best = 0
last = true
)");
    const Finished first = flowrun(temp, {"graph.toml", "--output", "run"});
    REQUIRE(first.errors == "");
    REQUIRE(first.exit_code == 0);
    REQUIRE(std::filesystem::file_size(run / "best-step-20.safetensors") > 100'000);
  }
  std::string log() const { return read_file(run / "log.txt"); }
  std::uint64_t kept_step() const {
    const twinflow::NamedTensors model = twinflow::read_safetensors(run / "best.safetensors");
    CHECK(model.metadata.at("checksum") == twinflow::checksum(model));
    CHECK(model.metadata.contains("run.graph"));
    CHECK(model.metadata.at("run.seed") == "1");
    return std::stoull(model.metadata.at("step"));
  }
};

}  // namespace

TEST_CASE("a model that cannot be written ends neither the training nor the model before it, and is told") {
  OneEpoch begun;
  std::filesystem::create_directory(begun.run / "best-step-60.safetensors");
  const Finished more = flowrun(begun.temp, {"--resume", "run", "--epochs", "3"});
  CHECK(more.exit_code == 1);
  CHECK(contains(more.errors, "the model measured last, accuracy "));
  CHECK(contains(more.errors, "(epoch 3, step 60), could not be written; on the disk is the last accuracy "));
  CHECK(contains(more.errors, "(epoch 2, step 40): run/best.safetensors"));
  CHECK(contains(begun.log(), "epoch 3/3"));
  CHECK(contains(begun.log(), "best-step-60.safetensors: given up after 4 attempts"));
  CHECK(begun.kept_step() == 40);
}

TEST_CASE("on a full disk training goes on, and the model that was there stays") {
  OneEpoch begun;
  // No file may get larger than 64 kB: as on a full disk, a write fails, and nobody dies of it.
  const Finished more = Process(begun.temp, "/bin/sh",
                                {"-c", "trap \"\" XFSZ; ulimit -f 128; exec " TWINFLOW_BUILD_DIR
                                       "/bin/flowrun --resume run --epochs 3"})
                            .wait();
  CHECK(more.exit_code == 1);
  CHECK(contains(more.errors, "(epoch 3, step 60), could not be written; on the disk is the last accuracy "));
  CHECK(contains(more.errors, "(epoch 1, step 20): run/best.safetensors"));
  CHECK(contains(begun.log(), "epoch 3/3"));
  CHECK(contains(begun.log(), "best-step-40.safetensors: cannot write '"));
  CHECK(contains(begun.log(), "File too large"));
  CHECK(begun.kept_step() == 20);
  for (const auto& entry : std::filesystem::directory_iterator(begun.run))
    CHECK_FALSE(entry.path().native().ends_with(".tmp"));
}
