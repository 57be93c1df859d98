// flowrun --resume: how it is called, what it refuses, and what a full disk leaves.
#include <doctest/doctest.h>

#include "apps/kill_chain.h"
#include "contains.h"
#include "plugins/data/fake_idx.h"

TEST_CASE("--resume takes a run directory or none, before or after the graph") {
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(1, 4));
  REQUIRE(flowrun(temp, {"graph.toml"}).exit_code == 0);
  const auto only = std::filesystem::directory_iterator(temp.path / "runs/graph")->path();
  const std::string run = only.lexically_relative(temp.path).string();
  int epochs = 1;
  for (const std::vector<std::string>& order :
       std::vector<std::vector<std::string>>{{"graph.toml", "--resume"},
                                             {"--resume", "graph.toml"},
                                             {"graph.toml", "--resume", run},
                                             {"--resume", run, "graph.toml"},
                                             {"--resume", "graph.toml", run},
                                             {"--resume=" + run, "graph.toml"},
                                             {"--resume", run},
                                             {"--resume", "--quiet", "graph.toml"},
                                             {"--threads", "1", "--resume", run + "/"}}) {
    CAPTURE(fmt::format("{}", fmt::join(order, " ")));
    std::vector<std::string> arguments = order;
    arguments.insert(arguments.end(), {"--epochs", std::to_string(++epochs)});
    const Finished resumed = flowrun(temp, arguments);
    CHECK(resumed.errors == "");
    CHECK(resumed.exit_code == 0);
    const std::string log = read_file(temp.path / run / "log.txt");
    CHECK(contains(log, fmt::format("resumed after epoch {}\n", epochs - 1)));
    CHECK(contains(log, fmt::format("epoch {0}/{0} ", epochs)));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(temp.path / "runs/graph"), {}) == 1);
  CHECK(contains(read_file(temp.path / run / "log.txt"),
                 "going on in '" + run + "', the newest run of this graph that has not ended\n"));
  const Finished done = flowrun(temp, {"graph.toml", "--resume"});
  CHECK(done.exit_code == 1);
  CHECK(done.errors ==
        "error: there is no run to go on with under 'runs/graph': what is there has come to its end\n");
}

TEST_CASE("wrong uses of --resume are explained") {
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(1, 4));
  const auto refusal = [&](const std::vector<std::string>& arguments, int code) {
    const Finished run = flowrun(temp, arguments);
    CHECK(run.exit_code == code);
    return run.errors;
  };
  CHECK(refusal({"--resume"}, 2) ==
        "--resume needs a graph, to go on in the newest run of it, or a run directory: flowrun GRAPH "
        "--resume, or "
        "flowrun --resume DIR\nRun with --help for more information.\n");
  CHECK(refusal({"--resume", "none"}, 2) == "error: there is no run directory 'none'\n");
  CHECK(refusal({"graph.toml", "--resume", "none"}, 2) == "error: there is no run directory 'none'\n");
  CHECK(contains(refusal({"--resume", "none.toml"}, 2), "the graph file 'none.toml' does not exist"));
  CHECK(refusal({"graph.toml", "--resume"}, 1) ==
        "error: there is no run to go on with under 'runs/graph'\n");
  CHECK(contains(refusal({"graph.toml", "--allow-changes"}, 2), "--allow-changes requires --resume"));
  CHECK(contains(refusal({"graph.toml", "--resume", "--output", "run"}, 2), "excludes"));
  for (const char* option : {"--resume", "--output", "--trace", "--epochs"}) {
    CHECK(refusal({"graph.toml", option, ""}, 2) ==
          fmt::format("error: nothing follows {}: an empty text is not a value\n", option));
    CHECK(refusal({"graph.toml", fmt::format("{}=", option)}, 2) ==
          fmt::format("error: nothing follows {}=: an empty text is not a value\n", option));
  }
  CHECK(refusal({""}, 2) == "error: an argument is empty\n");
  CHECK(!std::filesystem::exists(temp.path / "runs"));
  CHECK(Process(temp, "flowinspect", {"--verify", ""}).wait().exit_code == 2);
}

TEST_CASE("a run with --set is resumed as the refusal says") {
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(2, 4));
  REQUIRE(flowrun(temp, {"graph.toml", "--set", "run.seed=9", "--output", "run"}).exit_code == 0);
  const Finished refused = flowrun(temp, {"graph.toml", "--resume", "run", "--epochs", "3"});
  CHECK(refused.exit_code == 2);
  CHECK(contains(refused.errors, "run.seed: 9 -> 3\nflowrun --resume run (without"));
  CHECK(flowrun(temp, {"--resume", "run", "--epochs", "3"}).exit_code == 0);
}

TEST_CASE("another graph or other data than before is refused with what differs") {
  const TempFolder temp;
  const auto write_images = [&](char pixel) {
    std::string pixels(40 * 8 * 8, '\0'), labels;
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(i * i >> 5);
    pixels[100] = pixel;
    for (int i = 0; i < 40; ++i) labels += static_cast<char>(i % 10);
    temp.write("images", fake::idx(0x803, {40, 8, 8}, pixels));
    temp.write("labels", fake::idx(0x801, {40}, labels));
  };
  write_images(1);
  const auto write_graph = [&](const std::string& more) {
    temp.write("graphs/graph.toml", R"([run]
epochs = 1
steps_per_epoch = 4
[node.digits]
type = "data.idx"
images = "../images"
labels = "../labels"
[node.batches]
type = "sample.classes"
from = "digits.all"
classes_per_batch = 5
[node.twin]
type = "twin.train"
from = "batches"
layer = [{ type = "dense", units = 4 }]
)" + more);
  };
  write_graph("");
  REQUIRE(flowrun(temp, {"graphs/graph.toml", "--output", "run"}).exit_code == 0);

  // From another folder, by its copy in the run directory: the same files are meant.
  std::filesystem::create_directory(temp.path / "elsewhere");
  const Finished same = Process(temp, "/bin/sh",
                                {"-c", "cd elsewhere && " TWINFLOW_BUILD_DIR
                                       "/bin/flowrun --resume ../run --epochs 2 && " TWINFLOW_BUILD_DIR
                                       "/bin/flowrun ../graphs/graph.toml --resume ../run --epochs 3"})
                            .wait();
  CHECK(same.errors == "");
  CHECK(same.exit_code == 0);

  const std::vector<std::string> on{"graphs/graph.toml", "--resume", "run", "--epochs", "4"};
  write_graph("optimizer = { type = \"adamw\", learning_rate = 1e-4 }\n");
  Finished refused = flowrun(temp, on);
  CHECK(refused.exit_code == 2);
  CHECK(refused.errors ==
        "error: 'run/state.safetensors' was saved by another graph, or with other data:\n"
        "  twin.optimizer.learning_rate: 0.001 -> 1e-04\n"
        "flowrun --resume run (without a graph file and without --set) resumes it as it was saved;\n"
        "with --allow-changes the run goes on with what is different\n");
  write_graph("");
  write_images(2);
  refused = flowrun(temp, on);
  CHECK(refused.exit_code == 2);
  CHECK(contains(refused.errors,
                 "error: 'run/state.safetensors' was saved by another graph, or with other data:\n"
                 "  data digits.all: other images or classes than before (40 images of 10 classes, xxh64 "));
  std::vector<std::string> allowed = on;
  allowed.push_back("--allow-changes");
  const Finished run = flowrun(temp, allowed);
  CHECK(run.exit_code == 0);
  CHECK(contains(run.output, "changed: data digits.all: other images or classes than before ("));
  CHECK(contains(run.output, "resumed after epoch 3\n"));
}

TEST_CASE("a damaged state is told of, and the run goes on from the one before to the same end") {
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(4, 7));
  REQUIRE(flowrun(temp, {"graph.toml", "--output", "whole"}).exit_code == 0);
  std::filesystem::copy(temp.path / "whole", temp.path / "run", std::filesystem::copy_options::recursive);
  std::string bytes = read_file(temp.path / "run/state.safetensors");
  bytes[bytes.size() / 2] ^= 1;
  temp.write("run/state.safetensors", bytes);
  const Finished run = flowrun(temp, {"graph.toml", "--resume", "run"});
  CHECK(run.errors == "");
  CHECK(run.exit_code == 0);
  CHECK(contains(
      run.output,
      "'run/state.safetensors' cannot be resumed from: it is damaged: its checksum does not fit: going on "
      "from the state before, 'run/state.previous.safetensors'\n"));
  // The run had ended, and left only the models that its last state counts on: the books of the state before
  // name one that is gone, but what is kept in the end is the same.
  for (const std::string& one : kill_chain::differences(temp.path / "whole", temp.path / "run")) {
    CAPTURE(one);
    CHECK(one.starts_with("state, node.best/"));
  }
  const Finished verified = Process(temp, "flowinspect", {"--verify", "run"}).wait();
  CHECK(verified.exit_code == 0);
  CHECK(contains(verified.output, "run/state.safetensors: good: a state after epoch 4\n"));

  temp.write("run/state.safetensors", "damaged");
  CHECK(Process(temp, "flowinspect", {"--verify", "run"}).wait().exit_code == 1);
  temp.write("run/state.previous.safetensors", bytes.substr(0, bytes.size() - 1));
  const Finished none = flowrun(temp, {"graph.toml", "--resume", "run"});
  CHECK(none.exit_code == 1);
  CHECK(contains(none.errors, "error: 'run/state.safetensors' is not a good safetensors file: "));
  CHECK(contains(none.errors,
                 "; nor can the state before be used: 'run/state.previous.safetensors' is not a "
                 "good safetensors file: "));
}

TEST_CASE("where the last state does not fit on the disk, the run has failed and the state before is good") {
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(1, 7));
  REQUIRE(flowrun(temp, {"graph.toml", "--output", "whole"}).exit_code == 0);
  REQUIRE(std::filesystem::file_size(temp.path / "whole/state.safetensors") > 100'000);
  REQUIRE(std::filesystem::file_size(temp.path / "whole/best.safetensors") < 50'000);
  const Finished full = Process(temp, "/bin/sh",
                                {"-c", "trap \"\" XFSZ; ulimit -f 128; exec " TWINFLOW_BUILD_DIR
                                       "/bin/flowrun graph.toml --output run"})
                            .wait();
  CHECK(full.exit_code == 1);
  CHECK(contains(full.errors,
                 "error: the last state could not be saved: 'run/state.safetensors' is of before\n"));
  CHECK(contains(full.output, "the state: cannot write 'run/state.next.safetensors': File too large\n"));
  CHECK(run_result(temp, "run")["status"] == "failed");
  CHECK(!std::filesystem::exists(temp.path / "run/state.next.safetensors.tmp"));
  CHECK(Process(temp, "flowinspect", {"--verify", "run"}).wait().exit_code == 0);
  const Finished resumed = flowrun(temp, {"graph.toml", "--resume", "run"});
  CHECK(resumed.exit_code == 0);
  CHECK(contains(resumed.output, "resumed after epoch 0\n"));
  CHECK(kill_chain::difference(temp.path / "whole", temp.path / "run") == "");
}
