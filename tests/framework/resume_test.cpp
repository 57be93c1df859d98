// Runs that end before their end, and go on.

#include <thread>

#include "contains.h"
#include "framework/run_graph.h"
#include "run_directory.h"
#include "saved_run.h"
#include "signals.h"
#include "twinflow/libraries.h"

using test_nodes::seen;

namespace {

/// Gives the writing thread something that takes its time, at the end of each epoch.
class SlowDisk final : public Sink<test_nodes::Number> {
 public:
  static void describe(NodeSpec<SlowDisk>& spec) {
    spec.summary("Writes slowly.");
    spec.param("seconds", &SlowDisk::seconds);
  }
  void process(test_nodes::Number, const Item&) override {}
  void finish_epoch(const Item&) override {
    run().later("slow", [this] { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); });
  }

 private:
  double seconds = 0.3;
};
TWINFLOW_NODE("test.slow_disk", SlowDisk)

}  // namespace

TEST_CASE("a run that a signal ends at any item goes on to the same end") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp).code == finished);
  const auto whole = seen;
  const auto whole_metrics = metrics(temp.path / "run");
  const auto whole_result = result(temp.path / "run");
  REQUIRE(whole.at("collect").numbers.size() == 120);
  CHECK(whole_metrics.front()["metrics"]["opened"] == 1.0);  // reported in open(), once
  for (const int at : {0, 1, 9, 10, 37, 58, 59, 60, 61, 90, 118, 119}) {
    for (const int threads : {1, 4}) {
      CAPTURE(at);
      CAPTURE(threads);
      const RunOptions options{.threads = threads};
      const ExitCode code = run_graph(graph, temp, options, {"raise.at=" + std::to_string(at)}).code;
      const auto broken = result(temp.path / "run");
      const bool too_late = broken["steps"] == 120;  // the signal came with the last items
      CHECK(code == (too_late ? finished : interrupted));
      CHECK(broken["status"] == (too_late ? "finished" : "interrupted"));
      CHECK(broken["steps"].get<int>() > at);
      CHECK(broken["steps"].get<int>() <= at + threads + 3);  // what was under way was finished
      CHECK(seen["collect"].numbers.size() == broken["steps"]);
      const Outcome resumed =
          run_graph(graph, temp, {.resume = temp.path / "run", .threads = threads, .allow_changes = true});
      CHECK(resumed.errors == "");
      CHECK(resumed.code == finished);
      for (const char* sink : {"collect", "running", "watch", "heard"}) {
        CAPTURE(sink);
        CHECK(seen[sink].numbers == whole.at(sink).numbers);
        CHECK(seen[sink].steps == whole.at(sink).steps);
        CHECK(seen[sink].epochs == whole.at(sink).epochs);
      }
      CHECK(metrics(temp.path / "run") == whole_metrics);
      for (const char* key : {"status", "reason", "epochs", "steps", "metrics", "best"})
        CHECK(result(temp.path / "run")[key] == whole_result[key]);
    }
  }
}

TEST_CASE("every signal that ends a run does so at the next item") {
  const TempFolder temp;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    CAPTURE(signal);
    CHECK(run_graph(breakable(), temp, {}, {"raise.at=70", "raise.signal=" + std::to_string(signal)}).code ==
          interrupted);
    CHECK(seen["collect"].closed == 1);
    CHECK(seen["collect"].epochs == 1);  // the second epoch goes on later
    const std::string reason = result(temp.path / "run")["reason"];
    CHECK(reason == "stopped by " + std::string(strsignal(signal)) + "; goes on with flowrun --resume " +
                        (temp.path / "run").string());
  }
}

TEST_CASE("a run may end and go on many times, and be made longer") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp, {}, {"run.epochs=4"}).code == finished);
  const auto whole = seen;
  CHECK(run_graph(graph, temp, {}, {"raise.at=20"}).code == interrupted);
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  CHECK(run_graph(graph, temp, again, {"raise.at=45"}).code == interrupted);
  CHECK(run_graph(graph, temp, again, {"raise.at=80"}).code == interrupted);
  CHECK(run_graph(graph, temp, again).code == finished);
  CHECK(run_graph(graph, temp, again).code == finished);  // nothing to do
  CHECK(seen["collect"].numbers.size() == 120);
  CHECK(run_graph(graph, temp, again, {"run.epochs=4"}).code == finished);
  CHECK(seen["collect"].numbers == whole.at("collect").numbers);
  CHECK(seen["watch"].numbers == whole.at("watch").numbers);
}

TEST_CASE("a run that is made shorter than it is ends with the epoch that it is in") {
  const TempFolder temp;
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  CHECK(run_graph(breakable(), temp, {}, {"run.epochs=9", "raise.at=150"}).code == interrupted);
  CHECK(run_graph(breakable(), temp, again, {"run.epochs=1"}).code == finished);
  CHECK(seen["collect"].numbers.size() == 180);
  CHECK(read_file(temp.path / "run/log.txt")
            .find("1 epochs are asked for, but 3 have begun: the run ends with this one\n") !=
        std::string::npos);
  CHECK(result(temp.path / "run")["epochs"] == 3);
  std::filesystem::remove(temp.path / "run/result.json");  // as if it had been killed there
  CHECK(run_graph(breakable(), temp, again, {"run.epochs=2"}).code == finished);
  CHECK(seen["collect"].numbers.size() == 180);
}

TEST_CASE("a run that a node has stopped is not gone on with, unless the graph has changed") {
  const TempFolder temp;
  const std::string graph = breakable();
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  CHECK(run_graph(graph, temp, {}, {"watch.enough=10.0", "run.epochs=5"}).code == finished);
  CHECK(run_graph(graph, temp, again, {"watch.enough=10.0", "run.epochs=5"}).code == finished);
  CHECK(seen["watch"].numbers.size() == 1);
  CHECK(run_graph(graph, temp, again, {"run.epochs=3"}).code == finished);
  CHECK(seen["watch"].numbers.size() == 3);
}

TEST_CASE("a run that fails goes on from the end of the last epoch, and metrics since then are cut off") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp, {}, {"run.epochs=3"}).code == finished);
  const auto whole = metrics(temp.path / "run");
  CHECK(run_graph(graph, temp, {}, {"run.epochs=2"}).code == finished);
  std::ofstream(temp.path / "run/metrics.jsonl", std::ios::app) << "{\"half\": ";  // as a kill may leave it
  test_nodes::throw_at = "sum process";
  const Outcome broken =
      run_graph(graph, temp, {.resume = temp.path / "run", .allow_changes = true}, {"run.epochs=3"});
  CHECK(broken.code == failed);
  CHECK(broken.errors.find("note: goes on from where its state was last saved with flowrun --resume ") !=
        std::string::npos);
  test_nodes::throw_at.clear();
  CHECK(run_graph(graph, temp, {.resume = temp.path / "run", .allow_changes = true}, {"run.epochs=3"}).code ==
        finished);
  CHECK(metrics(temp.path / "run") == whole);
}

TEST_CASE("an exception while the state is saved or restored names the node") {
  const TempFolder temp;
  CHECK(run_graph(breakable(), temp).code == finished);
  const double whole = seen["watch"].numbers.back();
  for (const char* where : {"sum save", "sum restore"}) {
    CHECK(run_graph(breakable(), temp, {}, {"raise.at=30"}).code == interrupted);
    test_nodes::throw_at = where;
    const Outcome outcome =
        run_graph(breakable(), temp, {.resume = temp.path / "run", .allow_changes = true}, {"raise.at=50"});
    test_nodes::throw_at.clear();
    CHECK(outcome.code == failed);
    CHECK(outcome.errors.find("node 'sum' (test.sum): ") != std::string::npos);
    CHECK(run_graph(breakable(), temp, {.resume = temp.path / "run", .allow_changes = true}).code ==
          finished);  // the old state is whole
    CHECK(seen["watch"].numbers.back() == whole);
  }
}

TEST_CASE("a run goes on with a changed graph only where that is allowed, and with what differs shown") {
  const TempFolder temp;
  CHECK(run_graph(breakable(), temp, {}, {"raise.at=30"}).code == interrupted);
  const std::string before = read_file(temp.path / "run/state.safetensors");
  const auto refusal = [&](const std::string& graph, const std::vector<std::string>& overrides) {
    std::vector<std::string> with{"raise.at=30"};
    with.insert(with.end(), overrides.begin(), overrides.end());
    const Outcome outcome = run_graph(graph, temp, {.resume = temp.path / "run"}, with);
    CHECK(outcome.code == invalid);
    const std::string head = "error: '" + (temp.path / "run/state.safetensors").string() +
                             "' was saved by another graph, or with other data:\n  ";
    const std::string tail = "\nflowrun --resume " + (temp.path / "run").string() +
                             " (without a graph file and without --set) resumes it as it was saved;\nwith "
                             "--allow-changes the run goes on with what is different\n";
    REQUIRE(outcome.errors.starts_with(head));
    REQUIRE(outcome.errors.ends_with(tail));
    return outcome.errors.substr(head.size(), outcome.errors.size() - head.size() - tail.size());
  };
  CHECK(refusal(breakable(), {"run.seed=6", "scale.jitter=[0.0, 0.25]"}) ==
        "run.seed: 5 -> 6\n  scale.jitter[1]: 0.5 -> 0.25");
  CHECK(refusal(breakable(), {"run.steps_per_epoch=70"}) == "run.steps_per_epoch: 60 -> 70");
  CHECK(refusal(breakable(), {"again.type=test.raise"}) == "again.type: \"test.scale\" -> \"test.raise\"");
  CHECK(refusal(breakable() + "[node.more]\ntype = \"test.collect\"\nfrom = \"count\"\n", {}) ==
        "more: added, a test.collect");
  CHECK(refusal(chain + std::string("[node.raise]\ntype = \"test.raise\"\nfrom = \"again\"\n"
                                    "[node.see]\ntype = \"test.collect\"\nfrom = \"raise\"\n"),
                {}) ==
        "raise.from: \"scale\" -> \"again\"\n  again.from: \"raise\" -> \"scale\"\n"
        "  announce: removed, a test.announce\n  listen: removed, a test.listen\n  heard: removed, a "
        "test.collect\n  see: added, a test.collect");
  CHECK(read_file(temp.path / "run/state.safetensors") == before);

  // All is counted in steps: an epoch's length stays.
  const Outcome longer = run_graph(breakable(), temp, {.resume = temp.path / "run", .allow_changes = true},
                                   {"run.steps_per_epoch=70"});
  CHECK(longer.code == failed);
  CHECK(longer.errors.starts_with(
      "error: '" + (temp.path / "run/state.safetensors").string() +
      "': an epoch had 60 steps, now it has 70, which cannot change in a run that goes on\n"));
  CHECK(read_file(temp.path / "run/state.safetensors") == before);
  // What never matters.
  CHECK(run_graph(breakable(), temp, {.resume = temp.path / "run"},
                  {"raise.at=30", "run.epochs=3", "run.save_every=2", "run.progress=[]"})
            .code == finished);
  CHECK(read_file(temp.path / "run/log.txt").find("changed: run.epochs: 2 -> 3\n") != std::string::npos);
  CHECK(result(temp.path / "run")["epochs"] == 3);
}

TEST_CASE("a run that goes on with another version of a library says so") {
  const TempFolder temp;
  const std::filesystem::path run = temp.path / "run";
  CHECK(run_graph(breakable(), temp, {}, {"raise.at=70"}).code == interrupted);
  States states = read_states(run / "state.safetensors");
  CHECK(states.at("run").value<std::string>("library.TwinFlow") == libraries().at("TwinFlow"));
  states["run"].values["library.TwinFlow"] = "0.0.1";
  states["run"].values["library.of another plugin"] = "1";
  NamedTensors changed = packed(std::move(states));
  write_states(Folder(run), "state.safetensors", changed);
  CHECK(run_graph(breakable(), temp, {.resume = run, .allow_changes = true}, {"raise.at=100"}).code ==
        interrupted);
  const std::string warning = "warning: the state was saved with TwinFlow 0.0.1, and the run goes on with ";
  CHECK(contains(read_file(run / "log.txt"), warning + "TwinFlow " + libraries().at("TwinFlow") + ": "));
  CHECK(!contains(read_file(run / "log.txt"), "another plugin"));
  const auto first = read_file(run / "log.txt").size();
  CHECK(run_graph(breakable(), temp, {.resume = run, .allow_changes = true}).code == finished);
  CHECK(!contains(read_file(run / "log.txt").substr(first), warning));  // the state was saved since
}

TEST_CASE("with changes allowed, new nodes start anew and those that are gone are forgotten") {
  const TempFolder temp;
  CHECK(run_graph(breakable(), temp).code == finished);
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  std::string graph = breakable() + "[node.other]\ntype = \"test.sum\"\nfrom = \"count\"\n";
  const auto put = [&](const std::string& old, const std::string& now) {
    graph.replace(graph.find(old), old.size(), now);
  };
  put("[node.watch]", "[node.look]");
  put("[node.heard]\ntype = \"test.collect\"", "[node.heard]\ntype = \"test.sum\"");
  const Outcome outcome = run_graph(graph, temp, again, {"run.epochs=3", "run.seed=6"});
  CHECK(outcome.errors == "");
  CHECK(outcome.code == finished);
  const std::string log = read_file(temp.path / "run/log.txt");
  for (const char* line :
       {"changed: run.seed: 5 -> 6\n", "changed: watch: removed, a test.watch\n",
        "changed: look: added, a test.watch\n", "changed: other: added, a test.sum\n",
        "changed: heard.type: \"test.collect\" -> \"test.sum\"\n",
        "a learning rate that follows the length of the run follows the new one from here\n",
        "resumed after epoch 2\n"}) {
    CAPTURE(line);
    CHECK(log.find(line) != std::string::npos);
  }
  CHECK(seen["look"].numbers.size() == 1);       // of this epoch only
  CHECK(seen["collect"].numbers.size() == 180);  // has gone on
}

TEST_CASE("a run that is resumed without a name is the newest of its graph that has not ended") {
  const TempFolder temp;
  const auto folder = std::filesystem::current_path();
  std::filesystem::current_path(temp.path);
  const auto newest = [&](const std::vector<std::string>& overrides = {}) -> std::string {
    seen.clear();
    Problems problems;
    Plan plan = make_plan(temp.write("graph.toml", breakable()), overrides, problems);
    RunOptions options;
    options.quiet = options.resume_newest = options.allow_changes = true;
    try {
      return run_plan(plan, options) == finished ? "" : "not finished";
    } catch (const Error& error) {
      return error.what();
    }
  };
  CHECK(newest() == "there is no run to go on with under 'runs/graph'");
  CHECK(run_graph(breakable(), temp, {.output = "runs/graph/old"}, {"raise.at=30"}).code == interrupted);
  CHECK(run_graph(breakable(), temp, {.output = "runs/graph/new"}, {"raise.at=40"}).code == interrupted);
  CHECK(run_graph(breakable(), temp, {.output = "runs/graph/done"}).code == finished);
  CHECK(run_graph(breakable(), temp, {.output = "runs/graph/stopped"}, {"watch.enough=10.0"}).code ==
        finished);
  CHECK(run_graph(breakable(), temp, {.output = "runs/other/newer"}, {"raise.at=40"}).code == interrupted);
  temp.write("runs/graph/empty/metrics.jsonl", "");
  CHECK(newest() == "");
  CHECK(result("runs/graph/new")["status"] == "finished");
  CHECK(result("runs/graph/old")["status"] == "interrupted");
  CHECK(read_file("runs/graph/new/log.txt")
            .find("going on in 'runs/graph/new', the newest run of this graph that has not ended\n") !=
        std::string::npos);
  CHECK(newest() == "");
  CHECK(result("runs/graph/old")["status"] == "finished");
  CHECK(newest() == "there is no run to go on with under 'runs/graph': what is there has come to its end");
  CHECK(newest({"run.epochs=3"}) == "");  // the one whose state was written last
  CHECK(result("runs/graph/old")["epochs"] == 3);
  std::filesystem::current_path(folder);
}

TEST_CASE("where an item is half-way into a node, the state of the last whole epoch is kept") {
  const TempFolder temp;
  const RunOptions room{.max_in_flight = 8};
  CHECK(run_graph(half_way, temp, room).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>(80, 0.0));
  CHECK(run_graph(half_way, temp, room, {"raise.at=60"}).code == interrupted);
  CHECK(read_file(temp.path / "run/log.txt").find("some inputs of node 'both' only") != std::string::npos);
  seen.clear();
  CHECK(run_graph(half_way, temp, {.resume = temp.path / "run", .max_in_flight = 8, .allow_changes = true})
            .code == finished);
  CHECK(seen["collect"].steps.front() == 40);
  CHECK(seen["collect"].numbers == std::vector<double>(40, 0.0));
}

TEST_CASE("two runs cannot write into one directory") {
  const TempFolder temp;
  CHECK(run_graph(breakable(), temp, {}, {"raise.at=30"}).code == interrupted);
  char host[256] = "unknown";
  gethostname(host, sizeof host - 1);
  const RunLock other(Folder(temp.path / "run"), [](const std::string&) {});
  CHECK_THROWS_WITH_AS(
      run_graph(breakable(), temp, {.resume = temp.path / "run", .allow_changes = true}),
      ("'" + (temp.path / "run").string() + "' is in use: another run is writing there: process " +
       std::to_string(getpid()) + " on " + host)
          .c_str(),
      Error);
}

TEST_CASE("a run that could not be gone on with leaves the one that was there") {
  const TempFolder temp;
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  CHECK(run_graph(breakable(), temp).code == finished);
  const auto whole = seen["watch"].numbers;
  CHECK(run_graph(breakable(), temp, {}, {"raise.at=30"}).code == interrupted);
  const std::string graph = read_file(temp.path / "run/graph.toml");
  test_nodes::throw_at = "sum restore";
  CHECK(run_graph(breakable(), temp, again, {"scale.factor=9.0"}).code == failed);
  test_nodes::throw_at.clear();
  CHECK(read_file(temp.path / "run/graph.toml") == graph);
  CHECK(run_graph(graph, temp, again, {"raise.at=-1"}).code == finished);
  CHECK(seen["watch"].numbers == whole);
}

TEST_CASE("metrics are cut where the state was saved, also when nothing was reported since") {
  const TempFolder temp;
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  CHECK(run_graph(breakable(), temp).code == finished);
  const auto whole = metrics(temp.path / "run");
  CHECK(run_graph(breakable(), temp, {}, {"raise.at=70"}).code == interrupted);
  std::ofstream(temp.path / "run/metrics.jsonl", std::ios::app) << std::string(5000, ' ') << "{\"half\": ";
  CHECK(run_graph(breakable(), temp, again, {"raise.at=80"}).code == interrupted);
  CHECK(run_graph(breakable(), temp, again).code == finished);
  CHECK(metrics(temp.path / "run") == whole);
}

TEST_CASE("a run that was killed after its last save is closed when it is resumed") {
  const TempFolder temp;
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  for (const char* enough : {"1e300", "10.0"}) {  // ends with its epochs; is stopped by a node
    const std::vector<std::string> with{std::string("watch.enough=") + enough};
    CHECK(run_graph(breakable(), temp, {}, with).code == finished);
    const auto before = result(temp.path / "run");
    const auto numbers = seen["collect"].numbers;
    std::filesystem::remove(temp.path / "run/result.json");  // as if it had been killed there
    CHECK(run_graph(breakable(), temp, again, with).code == finished);
    CHECK(seen["collect"].closed == 2);
    CHECK(seen["collect"].numbers == numbers);
    for (const char* key : {"status", "reason", "epochs", "steps", "metrics", "best"})
      CHECK(result(temp.path / "run")[key] == before[key]);
    CHECK(run_graph(breakable(), temp, again, with).code == finished);  // nothing to do
    CHECK(seen["collect"].closed == 2);
  }
}

TEST_CASE("a run that fails in its first epoch can be gone on with") {
  const TempFolder temp;
  CHECK(run_graph(breakable(), temp).code == finished);
  const auto whole = metrics(temp.path / "run");
  test_nodes::throw_at = "sum process";
  CHECK(run_graph(breakable(), temp).code == failed);
  test_nodes::throw_at.clear();
  CHECK(run_graph(breakable(), temp, {.resume = temp.path / "run", .allow_changes = true}).code == finished);
  CHECK(metrics(temp.path / "run") == whole);
}

TEST_CASE("training does not wait for a state to be written, but its end does") {
  const TempFolder temp;
  const std::string graph = std::string(chain) + "[node.disk]\ntype = \"test.slow_disk\"\nfrom = \"again\"\n";
  CHECK(run_graph(graph, temp, {}, {"run.epochs=6"}).code == finished);
  const std::string log = read_file(temp.path / "run/log.txt");
  const std::string line =
      "a state is not saved: the one before is still being written (this is said once)\n";
  const auto said = log.find(line);
  REQUIRE(said != std::string::npos);
  CHECK(log.find(line, said + 1) == std::string::npos);
  const auto epoch = [&](const char* file) {
    return read_states(temp.path / "run" / file).at("run").value<std::int64_t>("epoch");
  };
  CHECK(epoch("state.safetensors") == 6);
  CHECK(epoch("state.previous.safetensors") < 5);
}

TEST_CASE("a run whose first state cannot be written does not begin") {
  const TempFolder temp;
  const std::string next = (temp.path / "there/state.next.safetensors").string();
  std::filesystem::create_directories(next + ".tmp");  // in the way; a read-only folder is found out before
  seen.clear();
  Problems problems;
  Plan plan = make_plan(temp.write("graph.toml", chain), {}, problems);
  RunOptions options;
  options.output = temp.path / "there";
  options.quiet = true;
  CHECK(run_plan(plan, options) == failed);
  CHECK(result(temp.path / "there")["reason"] == "cannot create '" + next + "': Is a directory");
  CHECK(seen["collect"].numbers.empty());
}

TEST_CASE("SIGTERM after SIGUSR1 does not cut the end of a run short") {
  const TempFolder temp;
  std::string graph = breakable();
  const std::string tail = "from = \"raise\"\n[node.sum]";
  graph.replace(graph.find(tail), tail.size(),
                "from = \"later\"\n[node.later]\ntype = \"test.raise\"\nfrom = \"raise\"\n[node.sum]");
  CHECK(run_graph(graph, temp, {.threads = 4},
                  {"raise.at=30", "raise.signal=" + std::to_string(SIGUSR1), "later.at=30"})
            .code == interrupted);
  CHECK(result(temp.path / "run")["reason"].get<std::string>().starts_with("stopped by Terminated"));
  CHECK(std::filesystem::exists(temp.path / "run/state.safetensors"));
}

TEST_CASE("a state that cannot be taken ends no training, but the run's end is then a failure") {
  const TempFolder temp;
  CHECK(run_graph(breakable(), temp, {}, {"raise.at=30"}).code == interrupted);
  const std::string before = read_file(temp.path / "run/state.safetensors");
  std::filesystem::create_directory(temp.path / "run/graph.toml.tmp");  // in the way of the new graph.toml
  seen.clear();
  const RunOptions again{.resume = temp.path / "run", .allow_changes = true};
  const Outcome outcome = run_graph(breakable(), temp, again);
  CHECK(outcome.code == failed);
  CHECK(seen["collect"].steps.back() == 119);
  CHECK(outcome.errors.starts_with("error: the last state could not be saved: cannot create '" +
                                   (temp.path / "run/graph.toml").string() + "': Is a directory: '"));
  CHECK(read_file(temp.path / "run/state.safetensors") == before);
  std::filesystem::remove(temp.path / "run/graph.toml.tmp");
  CHECK(run_graph(breakable(), temp, again).code == finished);
}

TEST_CASE("a folder in which a run was killed before its first state may be used again") {
  const TempFolder temp;
  CHECK(run_graph(breakable(), temp).code == finished);
  const auto whole = metrics(temp.path / "run");
  const auto start = [&] {
    Problems problems;
    Plan plan = make_plan(temp.write("graph.toml", breakable()), {}, problems);
    return run_plan(plan, {.output = temp.path / "run", .quiet = true});
  };
  CHECK(start() == failed);  // there is a run
  std::filesystem::remove(temp.path / "run/state.safetensors");
  CHECK(start() == failed);  // still
  std::filesystem::remove(temp.path / "run/state.previous.safetensors");
  CHECK(start() == finished);
  CHECK(metrics(temp.path / "run") == whole);
  for (const char* file : {"state.safetensors", "state.previous.safetensors", "graph.toml"})
    std::filesystem::remove(temp.path / "run" / file);
  CHECK(start() == failed);  // what lies there is none of ours
  CHECK(metrics(temp.path / "run") == whole);
}
