#include <doctest/doctest.h>

#include <filesystem>
#include <limits>
#include <memory>
#include <string>

#include "temp_folder.h"
#include "twinflow/metrics.h"
#include "twinflow/tensors.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

/// Measured after `epoch` epochs (from 1) of 10 steps, on a model of one weight: the epoch.
Metrics measured(std::uint64_t epoch, Numbers values, std::string protocol = "") {
  auto model = std::make_shared<NamedTensors>();
  model->tensors["weight"] = {{1}, {static_cast<float>(epoch)}};
  model->metadata["network"] = "conv4";
  return {"one_shot", epoch - 1, epoch * 10, std::move(values), std::move(protocol), model};
}

struct Saving : Bench {
  TempFolder folder;
  explicit Saving(const std::string& toml = "", Better better = Better::higher)
      : Bench("monitor.checkpoint", toml, 1, {}, better) {
    name = "best";
    directory = folder.path;
  }
  std::filesystem::path file() const { return folder.path / "best.safetensors"; }
  float saved_epoch() const { return read_safetensors(file()).tensors.at("weight").values.at(0); }
  std::string last_words() {
    close();
    return said.empty() ? "" : said.back();
  }
};

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("monitor.checkpoint keeps the best model, and says which at the end") {
  Saving bench;
  const double accuracies[] = {0.5, 0.75, 0.75, 0.625, nan};
  const float best[] = {1, 2, 2, 2, 2};
  for (std::uint64_t epoch = 1; epoch <= 5; ++epoch) {
    bench.process(measured(epoch, {{"accuracy", accuracies[epoch - 1]}}));
    CHECK(bench.saved_epoch() == best[epoch - 1]);
  }
  CHECK(bench.said.empty());
  CHECK(bench.last_words() == "best accuracy 75.00 % (epoch 2, step 20): " + bench.file().string());
  CHECK(bench.stopped.empty());
}

TEST_CASE("monitor.checkpoint: the file tells what was measured, beside the model's own metadata") {
  Saving bench;
  bench.process(measured(12, {{"accuracy", 0.831}, {"loss", 0.25}}, "20-way 1-shot"));
  CHECK(read_safetensors(bench.file()).metadata ==
        std::map<std::string, std::string>{{"network", "conv4"},
                                           {"epoch", "12"},
                                           {"step", "120"},
                                           {"protocol", "20-way 1-shot"},
                                           {"metrics.accuracy", "0.831"},
                                           {"metrics.loss", "0.25"}});
  CHECK(bench.last_words() ==
        "best accuracy 83.10 %, 20-way 1-shot (epoch 12, step 120): " + bench.file().string());
}

TEST_CASE("monitor.checkpoint: only one file is left behind") {
  Saving bench;
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch)
    bench.process(measured(epoch, {{"accuracy", 0.25 * static_cast<double>(epoch)}}));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(bench.folder.path)) ++files;
  CHECK(files == 1);
}

TEST_CASE("monitor.checkpoint goes on where it was saved") {
  const double accuracies[] = {0.5, 0.75, nan, 0.625, 0.875, 0.25};
  for (std::uint64_t cut = 0; cut <= 6; ++cut) {
    CAPTURE(cut);
    Saving first, second;
    second.directory = first.directory;
    const auto measure = [&](Saving& bench, std::uint64_t epoch) {
      bench.process(measured(epoch, {{"accuracy", accuracies[epoch - 1]}}));
    };
    for (std::uint64_t epoch = 1; epoch <= cut; ++epoch) measure(first, epoch);
    second.restore(first.save());
    for (std::uint64_t epoch = cut + 1; epoch <= 6; ++epoch) measure(second, epoch);
    CHECK(first.saved_epoch() == 5);
    CHECK(second.last_words() == "best accuracy 87.50 % (epoch 5, step 50): " + first.file().string());
  }
}

TEST_CASE("monitor.checkpoint: what is better is said by who measures it, or by mode") {
  Saving low("monitor = \"loss\"", Better::lower), high("monitor = \"loss\"\nmode = \"max\"", Better::lower);
  CHECK_THROWS_AS(Saving("", Better::unknown), Error);
  for (Saving* bench : {&low, &high}) {
    bench->process(measured(1, {{"loss", 2}}));
    bench->process(measured(2, {{"loss", 0.5}}));
    bench->process(measured(3, {{"loss", 1}}));
  }
  CHECK(low.saved_epoch() == 2);
  CHECK(high.saved_epoch() == 1);
  CHECK(low.last_words() == "best loss 0.5 (epoch 2, step 20): " + low.file().string());
}

TEST_CASE("monitor.checkpoint: a gain has to exceed min_delta") {
  Saving bench("min_delta = 0.125");
  bench.process(measured(1, {{"accuracy", 0.5}}));
  bench.process(measured(2, {{"accuracy", 0.625}}));
  CHECK(bench.saved_epoch() == 1);
  bench.process(measured(3, {{"accuracy", 0.6875}}));
  CHECK(bench.saved_epoch() == 3);
}

TEST_CASE("monitor.checkpoint: keep = \"last\" keeps the last, however bad") {
  Saving bench("keep = \"last\"");
  bench.process(measured(1, {{"accuracy", 0.75}}));
  bench.process(measured(2, {{"accuracy", 0.5}}));
  CHECK(bench.saved_epoch() == 2);
  CHECK(bench.last_words() == "last accuracy 50.00 % (epoch 2, step 20): " + bench.file().string());
}

TEST_CASE("monitor.checkpoint says so when it saved nothing") {
  Saving idle;
  idle.open();
  CHECK(idle.last_words() == "no model was saved: nothing was measured");
  Saving lost;
  lost.process(measured(1, {{"accuracy", nan}}));
  CHECK_FALSE(std::filesystem::exists(lost.file()));
  CHECK(lost.last_words() == "no model was saved: accuracy was never a finite number");
}

TEST_CASE("monitor.checkpoint: metrics it cannot use are errors") {
  Saving bench;
  Metrics metrics = measured(3, {{"accuracy", 0.5}});
  metrics.model = nullptr;
  CHECK_THROWS_WITH_AS(
      bench.process(metrics),
      "the metrics of epoch 3 come without a model, so there is nothing to save: they have to come from a "
      "node that measures a model",
      Error);
  CHECK_THROWS_WITH_AS(bench.process(measured(3, {{"loss", 0.5}})),
                       "there is no 'accuracy' in the metrics of epoch 3; they hold loss", Error);
}

TEST_CASE("monitor.checkpoint: a folder that cannot be written to is named") {
  Saving bench;
  bench.directory = bench.folder.path / "missing";
  try {
    bench.process(measured(1, {{"accuracy", 0.5}}));
    FAIL("it was written");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find((bench.folder.path / "missing").string()) != std::string::npos);
  }
}
