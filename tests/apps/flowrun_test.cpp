#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "contains.h"
#include "program.h"

namespace {

/// The main job made small: a few steps of a small network.
const std::vector<std::string> small = {graph("train.toml"),
                                        "--set",
                                        "run.epochs=2",
                                        "--set",
                                        "run.steps_per_epoch=4",
                                        "--set",
                                        "glyphs.classes=320",
                                        "--set",
                                        "glyphs.samples=4",
                                        "--set",
                                        "glyphs.size=20",
                                        "--set",
                                        "batches.classes_per_batch=12",
                                        "--set",
                                        "one_shot.trials=100",
                                        "--set",
                                        "held_out.trials=100"};

std::vector<std::string> with(std::vector<std::string> all, const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// flowrun for a shell.
std::string shell_command(const std::vector<std::string>& arguments) {
  std::string command = TWINFLOW_BUILD_DIR "/bin/flowrun";
  for (const std::string& one : arguments) command += " " + one;
  return command;
}

/// Line of a graph file that starts with that text.
int line_of(const std::string& file, const std::string& start) {
  std::istringstream lines(read_file(file));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with(start)) return number;
  }
  return -1;
}

}  // namespace

TEST_CASE("help, version and wrong usage") {
  const TempFolder temp;
  CHECK(flowrun(temp, {"--help"}).exit_code == 0);
  CHECK(contains(flowrun(temp, {"--help"}).output, "--set"));
  CHECK(flowrun(temp, {"--version"}).output == "flowrun 0.1.0\n");
  CHECK(flowrun(temp, {}).exit_code == 2);
  CHECK(flowrun(temp, {"x.toml", "--thraeds", "2"}).exit_code == 2);
  const Finished missing = flowrun(temp, {"x.toml"});
  CHECK(missing.exit_code == 2);
  CHECK(missing.errors == "x.toml:1:1: error: the graph file 'x.toml' does not exist\n1 error\n");
}

TEST_CASE("every graph of the project is good") {
  const TempFolder temp;
  for (const auto& entry : std::filesystem::directory_iterator(TWINFLOW_SOURCE_DIR "/graphs")) {
    if (entry.path().extension() != ".toml") continue;
    CAPTURE(entry.path().string());
    const Finished checked = flowrun(temp, {entry.path().string(), "--check"});
    // Some read models of yours, which are not there; nothing else is wrong with them.
    std::istringstream errors(checked.errors);
    bool missing = false;
    for (std::string line; std::getline(errors, line);) {
      if (!contains(line, ": error: ")) continue;
      missing = true;
      CAPTURE(line);
      CHECK(line.ends_with("' does not exist"));
    }
    CHECK(checked.exit_code == (missing ? 2 : 0));
    CHECK(read_file(entry.path()).starts_with("# "));  // it opens with what it does
  }
}

TEST_CASE("a mistyped parameter is one placed sentence, and nothing is left behind") {
  const TempFolder temp;
  const Finished run = flowrun(temp, {graph("train.toml"), "--set", "twin.optimizer.lerning_rate=1e-4"});
  CHECK(run.exit_code == 2);
  CHECK(run.errors ==
        "--set:1:1: error: optimizer 'adamw' has no parameter 'lerning_rate'; did you mean 'learning_rate'?\n"
        "  twin.optimizer.lerning_rate=1e-4\n"
        "  ^\n"
        "1 error\n");
  CHECK(run.output == "");
  CHECK(!std::filesystem::exists(temp.path / "runs"));
}

TEST_CASE("a mistake in what measures is told once, and not again for the monitors behind it") {
  const TempFolder temp;
  const Finished run = flowrun(temp, {graph("train.toml"), "--check", "--set", "held_out.trials=1.5"});
  CHECK(run.exit_code == 2);
  CHECK(run.errors ==
        "--set:1:17: error: expected an integer, found a number with a fraction\n"
        "  held_out.trials=1.5\n"
        "                  ^\n"
        "1 error\n");
}

TEST_CASE("batches without pairs to compare are refused before anything runs, though maps come between") {
  const TempFolder temp;
  const Finished one = flowrun(temp, with(small, {"--check", "--set", "batches.classes_per_batch=1"}));
  CHECK(one.exit_code == 2);
  CHECK(contains(one.errors,
                 "the loss all_pairs compares images of two classes, but every batch is of one class"));
  CHECK(contains(
      flowrun(temp, with(small, {"--check", "--set", "batches.samples_per_class=1"})).errors,
      "the loss all_pairs compares images of one class, but every batch has one image of each class"));
}

TEST_CASE("monitor.early_stop watches the training loss where nothing feeds it") {
  const TempFolder temp;
  const auto graph_with = [&](const std::string& monitor) {
    temp.write("graph.toml", "extends = \"" + graph("train.toml") + "\"\n[node.by_loss]\n" +
                                 "type = \"monitor.early_stop\"\nmonitor = \"" + monitor +
                                 "\"\nthreshold = 100.0\n");
    std::vector<std::string> arguments = small;
    arguments[0] = "graph.toml";
    return arguments;
  };
  const Finished run = flowrun(temp, with(graph_with("twin.loss"), {"--output", "run"}));
  CHECK(run.errors == "");
  const nlohmann::json result = run_result(temp, "run");
  CHECK(result["status"] == "stopped");
  CHECK(result["epochs"] == 1);
  CHECK(contains(result["reason"].get<std::string>(), "twin.loss has reached 100 with "));
  const Finished wrong = flowrun(temp, with(graph_with("twin.los"), {"--check"}));
  CHECK(wrong.exit_code == 2);
  CHECK(contains(wrong.errors,
                 "nothing feeds 'by_loss', and no node reports 'twin.los'; did you mean 'twin.loss'?"));
}

TEST_CASE("a wrong port is one placed sentence") {
  const TempFolder temp;
  const Finished run = flowrun(temp, {graph("train.toml"), "--set", "one_shot.from.data=glyphs.tset"});
  CHECK(run.exit_code == 2);
  CHECK(contains(
      run.errors,
      "--set:1:20: error: data.glyphs 'glyphs' has no output 'tset'; did you mean 'test'? (outputs: "));
}

TEST_CASE("a missing data folder is one sentence with the node's place, and nothing is left behind") {
  const TempFolder temp;
  const Finished run = flowrun(temp, {graph("omniglot.toml"), "--set", "omniglot.path=/nowhere/omniglot"});
  CHECK(run.exit_code == 1);
  const int line = line_of(graph("omniglot.toml"), "[node.omniglot]");
  CHECK(run.errors.starts_with(graph("omniglot.toml") + ":" + std::to_string(line) +
                               ":1: error: node 'omniglot' (data.omniglot): "));
  CHECK(contains(run.errors, "/nowhere/omniglot"));
  CHECK(std::count(run.errors.begin(), run.errors.end(), '\n') == 3);  // the sentence, the line, the caret
  CHECK(!std::filesystem::exists(temp.path / "runs"));
}

TEST_CASE("whatever a plugin throws ends the run with its words, the node and its place") {
  const TempFolder temp;
  const std::string file = TWINFLOW_BUILD_DIR "/tests/plugins/libplugin_throwing.so";
  temp.write("graph.toml", "[run]\nplugins = ['" + file + "']\n" +
                               "[node.bad]\ntype = 'throwing.source'\n"
                               "[node.end]\ntype = 'throwing.sink'\nfrom = 'bad'\n");
  for (const auto& [what, words] : {std::pair("error", "the basket is empty"),
                                    {"derived", "no apples"},
                                    {"standard", "beyond the last apple"},
                                    {"own", "an error of its own"},
                                    {"number", "an exception of an unknown type"}}) {
    CAPTURE(what);
    const Finished run =
        flowrun(temp, {"graph.toml", "--set", std::string("bad.what=") + what, "--output", what});
    CHECK(run.exit_code == 1);
    CHECK(run.errors == "graph.toml:3:1: error: node 'bad' (throwing.source): " + std::string(words) +
                            "\n  [node.bad]\n  ^\n"
                            "note: nothing was trained: '" +
                            what + "' may be used again with --output\n");
  }
}

TEST_CASE("a damaged image is one sentence that names it, and nothing is left behind") {
  const TempFolder temp;
  const auto image =
      temp.write("data/images_background/Latin/character01/0001_01.png", "\x89PNG but no more");
  const Finished run =
      flowrun(temp, {graph("omniglot.toml"), "--set", "omniglot.path=" + (temp.path / "data").string()});
  CHECK(run.exit_code == 1);
  CHECK(contains(run.errors, ":1: error: node 'omniglot' (data.omniglot): "));
  CHECK(contains(run.errors, "0001_01.png"));
  CHECK(!std::filesystem::exists(temp.path / "runs"));
}

TEST_CASE("a short training run writes its run directory, with the same bits for 1, 2 and 8 threads") {
  std::string first;
  for (const char* threads : {"1", "2", "8"}) {
    CAPTURE(threads);
    const TempFolder temp;
    const Finished run = flowrun(temp, with(small, {"--threads", threads, "--output", "run"}));
    CHECK(run.errors == "");
    REQUIRE(run.exit_code == 0);
    CHECK(contains(run.output, "epoch 1/2"));
    CHECK(contains(run.output, "best accuracy "));
    for (const char* file : {"graph.toml", "metrics.jsonl", "log.txt", "result.json", "best.safetensors"})
      CHECK(std::filesystem::exists(temp.path / "run" / file));
    const auto result = run_result(temp, "run");
    CHECK(result["status"] == "finished");
    CHECK(result["steps"] == 8);
    const double accuracy = result["metrics"]["one_shot"]["accuracy"];
    CHECK(accuracy > 0.05);
    CHECK(accuracy <= 1.0);
    const std::string weights = read_file(temp.path / "run/best.safetensors");
    CHECK(weights.size() > 100000);
    if (first.empty()) first = weights;
    CHECK(weights == first);

    // What was resolved runs again, to the same end.
    const Finished again = flowrun(temp, {"run/graph.toml", "--output", "again"});
    CHECK(again.exit_code == 0);
    CHECK(read_file(temp.path / "again/best.safetensors") == weights);
  }
}

TEST_CASE("a graph of pairs, with layers written out, learns to tell them apart") {
  const TempFolder temp;
  const Finished run = flowrun(temp, {TWINFLOW_SOURCE_DIR "/tests/apps/pairs.toml", "--output", "run"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  std::vector<double> losses;
  std::istringstream lines(read_file(temp.path / "run/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line);
    if (entry["node"] == "twin") losses.push_back(entry["metrics"]["loss"]);
  }
  REQUIRE(losses.size() == 300);
  const double first = std::accumulate(losses.begin(), losses.begin() + 50, 0.0) / 50;
  const double last = std::accumulate(losses.end() - 50, losses.end(), 0.0) / 50;
  CHECK(first > 0.6);  // log 2 knows nothing
  CHECK(last < 0.75 * first);
}

TEST_CASE("an interrupted run keeps its model and says so") {
  const TempFolder temp;
  Process program(temp, "flowrun", with(small, {"--set", "run.epochs=100000", "--output", "run"}));
  for (int i = 0; i < 600 && !std::filesystem::exists(temp.path / "run/best.safetensors"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  kill(program.process, SIGINT);
  const Finished run = program.wait();
  CHECK(run.exit_code == 3);
  CHECK(contains(run.output, "interrupted: stopped by Interrupt; goes on with flowrun --resume run\n"));
  CHECK(contains(run.output, "best accuracy "));
  CHECK(std::filesystem::exists(temp.path / "run/best.safetensors"));
  CHECK(run_result(temp, "run")["status"] == "interrupted");
}

TEST_CASE("a second run does not touch the first") {
  const TempFolder temp;
  temp.write("run/metrics.jsonl", "old");
  const Finished run = flowrun(temp, with(small, {"--output", "run"}));
  CHECK(run.exit_code == 1);
  CHECK(contains(run.errors, "'run' already holds a run"));
  CHECK(read_file(temp.path / "run/metrics.jsonl") == "old");
  const Finished file = flowrun(temp, with(small, {"--output", "run/metrics.jsonl"}));
  CHECK(file.exit_code == 1);
  CHECK(contains(file.errors, "cannot make the run directory 'run/metrics.jsonl': '"));
  CHECK(contains(file.errors, "metrics.jsonl' is not a folder\n"));
}

TEST_CASE("a run without a number of epochs ends by its budgets") {
  const TempFolder temp;
  const auto open_ended = with(small, {"--epochs", "unlimited", "--set", "twin.schedule=constant", "--set",
                                       "stop.patience=100", "--quiet"});
  const Finished steps = flowrun(temp, with(open_ended, {"--max-steps", "6", "--output", "run"}));
  CHECK(steps.errors == "");
  CHECK(steps.exit_code == 0);
  auto result = run_result(temp, "run");
  CHECK(result["reason"] == "max_steps = 6 of [run] is reached");
  CHECK(result["steps"] == 6);
  CHECK(result["epochs"] == 1);
  const Finished longer = flowrun(temp, {"--resume", "run", "--max-steps", "9", "--quiet", "--grace", "0"});
  CHECK(longer.errors == "");
  CHECK(longer.exit_code == 0);
  CHECK(contains(read_file(temp.path / "run/log.txt"), "--grace says that there are 0 s"));
  CHECK(flowrun(temp, with(open_ended, {"--max-steps", "9", "--output", "whole"})).exit_code == 0);
  // Their graphs, which stand in the files' headers, say 6 and 9 where the best model is from before step 6.
  const auto tensors = [&](const char* file) {
    const std::string bytes = read_file(temp.path / file);
    std::uint64_t header = 0;
    REQUIRE(bytes.size() > sizeof header);
    std::memcpy(&header, bytes.data(), sizeof header);
    return bytes.substr(sizeof header + header);
  };
  CHECK(tensors("run/best.safetensors") == tensors("whole/best.safetensors"));
  CHECK(flowrun(temp, with(open_ended, {"--max-time", "1s", "--output", "timed"})).exit_code == 0);
  result = run_result(temp, "timed");
  CHECK(result["reason"] == "max_time = \"1s\" of [run] is over");

  CHECK(contains(flowrun(temp, with(small, {"--epochs", "unlimited"})).errors,
                 "error: the schedule cosine needs to know how long the run is"));
  CHECK(flowrun(temp, with(small, {"--epochs", "unlimited", "--max-steps", "5", "--check"})).exit_code == 0);
  const Finished wrong =
      flowrun(temp, with(small, {"--epochs", "many", "--max-time", "soon", "--max-steps", "0"}));
  CHECK(wrong.exit_code == 2);
  for (const char* one : {"expected a number of epochs, or \"unlimited\", found \"many\"",
                          "expected a time, such as \"90s\"", "'max_steps' is 0, out of range"})
    CHECK(contains(wrong.errors, one));
}

TEST_CASE("a run that is killed again and again ends as one that was not") {
  const TempFolder temp;
  const auto job = with(small, {"--set", "run.epochs=8", "--set", "stop.patience=100"});
  REQUIRE(flowrun(temp, with(job, {"--output", "whole"})).exit_code == 0);
  const auto measured = [&](const std::string& run) {
    std::istringstream lines(read_file(temp.path / run / "metrics.jsonl"));
    std::vector<nlohmann::json> all;
    for (std::string line; std::getline(lines, line);) {
      if (!line.ends_with('}')) continue;  // half written when it was killed
      all.push_back(nlohmann::json::parse(line));
      all.back().erase("time");
      for (const char* time : {"seconds", "images_per_second", "waiting"}) all.back()["metrics"].erase(time);
    }
    std::sort(all.begin(), all.end());  // two evaluations of one epoch report as they are done
    return all;
  };
  const std::size_t lines = measured("whole").size();
  const auto state = temp.path / "run/state.safetensors";
  std::size_t killed = 0;
  for (std::size_t wanted = 7; wanted < lines; wanted += 11) {  // lines after which it dies
    std::vector<std::string> arguments{"--resume", "run"};
    if (!std::filesystem::exists(state)) arguments = with(job, {"--output", "run"});
    const Process program(temp, "flowrun", arguments);
    for (int i = 0; i < 6000 && (!std::filesystem::exists(state) || measured("run").size() < wanted); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    kill(program.process, SIGKILL);
    killed += program.wait().signal == SIGKILL;
  }
  CHECK(killed >= 3);
  const Finished last = flowrun(temp, {"--resume", "run", "--threads", "1"});
  CHECK(last.errors == "");
  CHECK(last.exit_code == 0);
  CHECK(read_file(temp.path / "run/best.safetensors") == read_file(temp.path / "whole/best.safetensors"));
  CHECK(measured("run") == measured("whole"));
  CHECK(flowrun(temp, {"--resume", "run"}).output == "nothing to do: 8 of 8 epochs are done\n");
  const Finished longer = flowrun(temp, {"--resume", "run", "--epochs", "9", "--quiet"});
  CHECK(longer.exit_code == 0);
  CHECK(longer.output == "");
  CHECK(contains(read_file(temp.path / "run/log.txt"), "epoch 9/9"));
}

TEST_CASE("a signal in the middle of an epoch costs nothing: the run goes on at the next item") {
  const TempFolder temp;
  const auto job = with(small, {"--set", "run.steps_per_epoch=40", "--set", "run.epochs=1"});
  REQUIRE(flowrun(temp, with(job, {"--output", "whole"})).exit_code == 0);
  Process program(temp, "flowrun", with(job, {"--output", "run"}));
  const auto metrics = temp.path / "run/metrics.jsonl";
  for (int i = 0; i < 6000 && (!std::filesystem::exists(metrics) || read_file(metrics).empty()); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  kill(program.process, SIGUSR1);  // as batch systems do before a limit
  CHECK(program.wait().exit_code == 3);
  CHECK(!std::filesystem::exists(temp.path / "run/best.safetensors"));
  CHECK(flowrun(temp, {"--resume", "run"}).exit_code == 0);
  CHECK(read_file(temp.path / "run/best.safetensors") == read_file(temp.path / "whole/best.safetensors"));
}

TEST_CASE("signals in any number, while matrices are multiplied, end a run as one does") {
  // oneDNN's f32 multiplication is no place for a signal handler.
  const TempFolder temp;
  temp.write("dense.toml", R"(
[run]
epochs = 1000
steps_per_epoch = 10
[node.glyphs]
type = "data.glyphs"
classes = 340
samples = 4
size = 16
[node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = 40
samples_per_class = 4
[node.twin]
type = "twin.train"
from = "batches"
precision = "f32"
layer = ["flatten", { type = "dense", units = 512 }, "relu", { type = "dense", units = 256 }])");
  const Process program(temp, "flowrun", {"dense.toml", "--output", "run", "--threads", "1"});
  const auto metrics = temp.path / "run/metrics.jsonl";
  for (int i = 0; i < 6000 && (!std::filesystem::exists(metrics) || read_file(metrics).empty()); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  for (int i = 0; i < 4000 && !std::filesystem::exists(temp.path / "run/result.json"); ++i)
    for (int k = 0; k < 20; ++k) kill(program.process, SIGUSR1);
  const Finished done = program.wait();
  CHECK(done.exit_code == 3);
  CHECK(done.errors == "");
}

TEST_CASE("a second signal ends the process at once") {
  const TempFolder temp;
  // Steps of a second each, several of them under way.
  Process program(temp, "flowrun",
                  with(small, {"--set", "glyphs.classes=500", "--set", "batches.classes_per_batch=200",
                               "--set", "batches.samples_per_class=4", "--set", "glyphs.size=64",
                               "--max-in-flight", "8", "--output", "run"}));
  const auto metrics = temp.path / "run/metrics.jsonl";
  for (int i = 0; i < 6000 && (!std::filesystem::exists(metrics) || read_file(metrics).empty()); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  kill(program.process, SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  kill(program.process, SIGINT);
  CHECK(program.wait().signal == SIGINT);
}

TEST_CASE("the exit code tells what happened, even where nothing can be printed") {
  const TempFolder temp;
  temp.write("bad.toml", "[nood.a]\n");
  const std::string full = " >/dev/full 2>/dev/full";
  CHECK(Process(temp, "/bin/sh", {"-c", shell_command({"bad.toml"}) + full}).wait().exit_code == 2);
  const std::string failing = shell_command(
      with(small, {"--set", "twin.optimizer.learning_rate=1e38", "--output", "run"}));  // weights overflow
  CHECK(Process(temp, "/bin/sh", {"-c", failing + full}).wait().exit_code == 1);
  CHECK(run_result(temp, "run")["status"] == "failed");
}

TEST_CASE("on a terminal, a line shows how far the run is, and is taken back") {
  const TempFolder temp;
  const std::string command =
      "env -u NO_COLOR TERM=xterm " +
      shell_command(with(small, {"--set", "run.steps_per_epoch=40", "--output", "run"}));
  const std::string shown = Process(temp, "/usr/bin/script", {"-qec", command, "/dev/null"}).wait().output;
  CHECK(contains(shown, "\r\033[K\033[?7lepoch 1/2  step "));
  CHECK(contains(shown, " items/s  at most 0:"));
  CHECK(contains(shown, "\033[?7h\r\033[K"));
  CHECK(contains(shown, "epoch 1/2  step 40  twin.loss "));
  CHECK(!contains(read_file(temp.path / "run/log.txt"), "items/s"));
}

TEST_CASE("what cannot be resumed is one sentence") {
  const TempFolder temp;
  Finished run = flowrun(temp, {"--resume", "run"});
  CHECK(run.exit_code == 2);
  CHECK(run.errors == "error: there is no run directory 'run'\n");
  temp.write("run/graph.toml", read_file(graph("train.toml")));
  run = flowrun(temp, {"--resume", "run"});
  CHECK(run.exit_code == 1);
  CHECK(run.errors == "error: 'run' holds no run that can be resumed: there is no 'run/state.safetensors'\n");
  temp.write("run/state.safetensors", "damaged");
  run = flowrun(temp, {"--resume", "run"});
  CHECK(run.exit_code == 1);
  CHECK(contains(run.errors, "error: 'run/state.safetensors' is not a good safetensors file: "));
  CHECK(flowrun(temp, {"--resume", "run", "--output", "other"}).exit_code == 2);
}
