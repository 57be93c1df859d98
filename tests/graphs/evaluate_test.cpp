#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "plugins/data/fake_omniglot.h"
#include "program.h"

namespace {

/// A small Omniglot: an alphabet of `characters` by `drawers` in the folder `set`.
void write_alphabet(const TempFolder& temp, const std::string& set, int characters, int drawers) {
  fake::Files images;
  for (int character = 1; character <= characters; ++character)
    for (int drawer = 1; drawer <= drawers; ++drawer)
      images.emplace_back(fmt::format("Greek/character{0:02}/{0:04}_{1:02}.png", character, drawer),
                          fake::png(3 * character + drawer));
  fake::write_folder(temp.path / "omniglot" / set, images);
}

/// Three runs of eight classes, hard enough to be told partly.
void write_runs(const TempFolder& temp) {
  fake::Files files;
  for (int run = 1; run <= 3; ++run) {
    std::string labels;
    for (int i = 1; i <= 8; ++i) {
      const auto file = [&](const char* what) { return fmt::format("run0{}/{}{:02}.png", run, what, i); };
      files.emplace_back(file("training/class"), fake::png(2 * i + run));
      files.emplace_back(file("test/item"), fake::png(2 * i + run + i % 3));
      labels += file("test/item") + " " + file("training/class") + "\n";
    }
    files.emplace_back(fmt::format("run0{}/class_labels.txt", run), fake::text(labels));
  }
  fake::write_folder(temp.path / "omniglot/all_runs", files);
}

/// graphs/omniglot.toml, shortened.
void train(const TempFolder& temp) {
  temp.write("train.toml", "extends = \"" + graph("omniglot.toml") + R"("
[run]
epochs = 1
steps_per_epoch = 4
[node.omniglot]
path = "omniglot"
size = 20
[node.batches]
classes_per_batch = 8
[node.twin]
network = { type = "residual", filters = 4, blocks = 2 }
precision = "f32"
[node.averaged]
copies = 2
)");
  const Finished run = flowrun(temp, {"train.toml", "--output", "t"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
}

Finished evaluate(const TempFolder& temp, const std::string& name, std::vector<std::string> more) {
  std::vector<std::string> arguments{graph(name), "--output", "run"};
  for (const char* set :
       {"load.file=t/last.safetensors", "omniglot.path=omniglot", "omniglot.size=20", "averaged.copies=2"})
    arguments.insert(arguments.end(), {"--set", set});
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::filesystem::remove_all(temp.path / "run");
  return flowrun(temp, arguments);
}

/// What a node measured last, without how long it took.
nlohmann::json measured(const TempFolder& temp, const std::string& run, const std::string& node) {
  nlohmann::json values = run_result(temp, run)["metrics"][node];
  values.erase("seconds");
  return values;
}

/// The values of the node "copied", as a run writes them, but what it is fed with.
std::string copied(const TempFolder& temp, const std::string& run) {
  const std::string all = read_file(temp.path / run / "graph.toml");
  const std::size_t from = all.find('\n', all.find("from = ", all.find("[node.copied]")));
  return all.substr(from, all.find("[node", from) - from);
}

}  // namespace

TEST_CASE("evaluate.toml repeats the accuracies of the training's last line, from the model's file alone") {
  const TempFolder temp;
  write_alphabet(temp, "images_background", 12, 3);
  write_runs(temp);
  train(temp);
  for (const char* threads : {"1", "3"}) {
    const Finished run = evaluate(temp, "evaluate.toml", {"--threads", threads});
    CHECK(run.errors == "");
    REQUIRE(run.exit_code == 0);
    for (const char* node : {"one_shot", "averaged"}) {
      CAPTURE(node);
      CHECK(measured(temp, "run", node) == measured(temp, "t", node));
      CHECK(measured(temp, "run", node)["trials"] == 24);
    }
  }
  CHECK(measured(temp, "run", "one_shot") != measured(temp, "run", "averaged"));
  CHECK(copied(temp, "run").find("rotation = ") != std::string::npos);
  CHECK(copied(temp, "run") == copied(temp, "t"));
}

TEST_CASE("evaluate-alphabets.toml measures whole alphabets by several protocols") {
  const TempFolder temp;
  write_alphabet(temp, "images_background", 12, 3);
  write_alphabet(temp, "images_evaluation", 20, 6);
  write_runs(temp);
  train(temp);
  const Finished run = evaluate(temp, "evaluate-alphabets.toml", {"--set", "averaged.trials=100"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  const nlohmann::json values = measured(temp, "run", "one_shot");
  CHECK(values["trials"] == 10000);
  CHECK(values["5way.accuracy"] > values["accuracy"]);
  CHECK(values["20way5shot.trials"] == 10000);
  CHECK(values["any20way.trials"] == 10000);
  CHECK(values["any5way5shot.accuracy"] > values["20way5shot.accuracy"]);
  CHECK(measured(temp, "run", "averaged")["trials"] == 100);
}
