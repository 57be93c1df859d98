// What becomes of a run when others meddle with its directory.

#include "run_directory.h"

#include <functional>
#include <map>

#include "contains.h"
#include "error_of.h"
#include "framework/run_graph.h"
#include "saved_run.h"

namespace fs = std::filesystem;

namespace {

std::map<std::uint64_t, std::function<void()>> meddling;  // what is done at which step

class Meddle final : public Sink<test_nodes::Number> {
 public:
  static void describe(NodeSpec<Meddle>& spec) { spec.summary("Does what a test asks for."); }
  void process(test_nodes::Number, const Item& item) override {
    if (const auto found = meddling.find(item.step); found != meddling.end()) found->second();
    report(item, {{"step", static_cast<double>(item.step)}});
  }
};
TWINFLOW_NODE("test.meddle", Meddle)

const std::string meddled = breakable() + "[node.meddle]\ntype = \"test.meddle\"\nfrom = \"count\"\n";

/// Every file of a folder, by its path in it.
std::map<std::string, std::string> content(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      all[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
  return all;
}

std::string log_text(const TempFolder& temp) { return read_file(temp.path / "run/log.txt"); }

}  // namespace

TEST_CASE("a run whose directory is replaced by another run's stops, and the other run stays as it is") {
  const TempFolder temp;
  const fs::path run = temp.path / "run", moved = temp.path / "moved", other = temp.path / "other";
  CHECK(run_graph(meddled, temp).code == finished);
  const auto whole = metrics(run);
  CHECK(run_graph(meddled, temp, {}, {"run.seed=9"}).code == finished);
  fs::rename(run, other);
  const auto others = content(other);
  for (const std::uint64_t step : {20, 59, 70}) {
    CAPTURE(step);
    fs::remove_all(moved);
    meddling = {{step, [&] {
                   fs::rename(run, moved);
                   fs::copy(other, run, fs::copy_options::recursive);
                 }}};
    const Outcome outcome = run_graph(meddled, temp, {}, {"run.save_steps=7"});
    meddling.clear();
    CHECK(outcome.code == failed);
    CHECK(outcome.errors == "error: '" + run.string() +
                                "' was moved, removed or replaced while the run was writing there: nothing "
                                "more is written\n");
    CHECK(content(run) == others);
    CHECK(!fs::exists(moved / "result.json"));
    CHECK(run_graph(meddled, temp, {.resume = moved, .allow_changes = true}).code == finished);
    CHECK(metrics(moved) == whole);
  }
}

TEST_CASE("a run whose directory is removed stops, and makes none anew") {
  const TempFolder temp;
  meddling = {{20, [&] { fs::remove_all(temp.path / "run"); }}};
  const Outcome outcome = run_graph(meddled, temp);
  meddling.clear();
  CHECK(outcome.code == failed);
  CHECK(contains(outcome.errors, "' was moved, removed or replaced"));
  CHECK(std::count(outcome.errors.begin(), outcome.errors.end(), '\n') == 1);
  CHECK(!fs::exists(temp.path / "run"));
}

TEST_CASE("a run whose directory is given by a relative path keeps it when a plugin changes the folder") {
  const TempFolder temp;
  const auto before = fs::current_path();
  fs::current_path(temp.path);
  fs::create_directory("aside");
  meddling = {{20, [&] { fs::current_path(temp.path / "aside"); }}};
  const Outcome outcome = run_graph(meddled, temp, {.output = "run"});
  meddling.clear();
  fs::current_path(before);
  CHECK(outcome.errors == "");
  CHECK(outcome.code == finished);
  CHECK(result(temp.path / "run")["status"] == "finished");
  CHECK(fs::exists(temp.path / "run/state.safetensors"));
  CHECK(fs::is_empty(temp.path / "aside"));
}

TEST_CASE("metrics.jsonl and log.txt that are removed while the run writes are written again, and reported") {
  const TempFolder temp;
  CHECK(run_graph(meddled, temp).code == finished);
  const auto whole = metrics(temp.path / "run");
  meddling = {{20, [&] {
                 fs::remove(temp.path / "run/metrics.jsonl");
                 fs::remove(temp.path / "run/log.txt");
               }}};
  CHECK(run_graph(meddled, temp).code == finished);
  meddling.clear();
  CHECK(metrics(temp.path / "run") == whole);
  for (const char* file : {"metrics.jsonl", "log.txt"})
    CHECK(contains(log_text(temp), "'" + (temp.path / "run" / file).string() +
                                       "' was removed or replaced while the run was writing there: it is "
                                       "written again\n"));
}

TEST_CASE("a state is enough to resume: lines that are missing are reported, and the rest is the same") {
  const TempFolder temp;
  const fs::path run = temp.path / "run", file = run / "metrics.jsonl";
  const RunOptions again{.resume = run, .allow_changes = true};
  CHECK(run_graph(meddled, temp).code == finished);
  const auto whole = metrics(run);
  const auto ending = [&](std::size_t left) {  // of what was there, so many lines are
    const auto found = metrics(run);
    REQUIRE(found.size() > 10);
    REQUIRE(found.size() < whole.size());
    CHECK(std::equal(found.rbegin(), found.rend() - static_cast<std::ptrdiff_t>(left), whole.rbegin()));
  };
  CHECK(run_graph(meddled, temp, {}, {"raise.at=70"}).code == interrupted);
  fs::remove(file);
  fs::remove(run / "log.txt");
  CHECK(run_graph(meddled, temp, again).code == finished);
  for (const char* name : {"metrics.jsonl", "log.txt"})
    CHECK(contains(log_text(temp), "'" + (run / name).string() + "' is missing: it begins anew\n"));
  ending(0);

  CHECK(run_graph(meddled, temp, {}, {"raise.at=70"}).code == interrupted);
  const auto bytes = fs::file_size(file);
  fs::resize_file(file, read_file(file).find('\n') + 5);  // within the second line
  CHECK(run_graph(meddled, temp, again).code == finished);
  CHECK(contains(log_text(temp),
                 "of the " + std::to_string(bytes) + " bytes that the state knows: it goes on at its end\n"));
  CHECK(metrics(run).front() == whole.front());
  ending(1);
}

TEST_CASE("a run that cannot be resumed stays as it was, to the last byte") {
  const TempFolder temp;
  const fs::path run = temp.path / "run";
  CHECK(run_graph(breakable(), temp).code == finished);
  const auto before = content(run);
  const RunOptions again{.resume = run, .allow_changes = true};
  test_nodes::throw_at = "sum restore";
  const Outcome outcome = run_graph(breakable(), temp, again, {"run.epochs=3"});
  test_nodes::throw_at.clear();
  CHECK(outcome.code == failed);
  CHECK(contains(outcome.errors, "node 'sum' (test.sum): "));
  CHECK(!contains(outcome.errors, "then: "));
  CHECK(!contains(outcome.errors, "note: "));
  CHECK(content(run) == before);
  CHECK(run_graph(breakable(), temp, {.resume = run}, {"scale.factor=9.0", "run.epochs=3"}).code == invalid);
  CHECK(content(run) == before);
  meddling = {{120, [] { throw Error("at once"); }}};
  fs::rename(run, temp.path / "kept");
  CHECK(run_graph(meddled, temp).code == finished);
  const auto other = content(run);
  CHECK(run_graph(meddled, temp, again, {"run.epochs=3"}).code == failed);  // at its first item
  meddling.clear();
  CHECK(content(run) == other);
  fs::remove_all(run);
  fs::rename(temp.path / "kept", run);
  test_nodes::throw_at = "count open";
  CHECK(run_graph(breakable(), temp, again, {"run.epochs=3"}).code == failed);
  test_nodes::throw_at.clear();
  CHECK(content(run) == before);
}

TEST_CASE("where the newest state does not fit the graph's nodes, the one before is used") {
  const TempFolder temp;
  const fs::path run = temp.path / "run";
  const std::vector<std::string> longer{"run.epochs=3"};
  CHECK(run_graph(breakable(), temp, {}, longer).code == finished);
  const auto whole = metrics(run);
  CHECK(run_graph(breakable(), temp).code == finished);
  States states = read_states(run / state_name);
  states["node.sum"] = {};
  NamedTensors odd = packed(std::move(states));
  write_states(Folder(run), state_name, odd);
  const Outcome outcome = run_graph(breakable(), temp, {.resume = run}, longer);
  CHECK(outcome.errors == "");
  CHECK(outcome.code == finished);
  const std::string log = log_text(temp);
  CHECK(
      contains(log, "node 'sum' (test.sum): '" + (run / state_name).string() + "': the saved state has no"));
  CHECK(contains(log, ": going on from the state before, '" + (run / previous_state_name).string() + "'\n"));
  CHECK(metrics(run) == whole);
}

TEST_CASE("a run that fails at its first item leaves a folder that can be used again") {
  const TempFolder temp;
  const auto start = [&] {
    Problems problems;
    Plan plan = make_plan(temp.write("graph.toml", meddled), {}, problems);
    return run_plan(plan, {.output = temp.path / "run", .quiet = true});
  };
  meddling = {{0, [] { throw Error("at once"); }}};
  CHECK(start() == failed);
  CHECK(result(temp.path / "run")["status"] == "failed");
  CHECK(error_of([&] { run_graph(meddled, temp, {.resume = temp.path / "run"}); }) ==
        "'" + (temp.path / "run").string() + "' holds no run that can be resumed: there is no '" +
            (temp.path / "run" / state_name).string() + "'");
  meddling = {{30, [] { throw Error("later"); }}};
  CHECK(start() == failed);
  meddling.clear();
  CHECK(start() == failed);  // there is a run that can be resumed
  CHECK(run_graph(meddled, temp, {.resume = temp.path / "run"}).code == finished);
}

TEST_CASE("a trace is written by one run, to a file of its own, and is no reason to fail") {
  const TempFolder temp;
  const fs::path file = temp.path / "traces/trace.json";
  fs::create_directory(temp.path / "traces");
  {
    const FileLock other(Folder(temp.path / "traces"), "trace.json");
    const Outcome outcome = run_graph(meddled, temp, {.trace = file});
    CHECK(outcome.code == failed);
    CHECK(outcome.errors ==
          "error: another run writes its trace to '" + file.string() + "': name another file\n");
  }
  const auto refusal = [&](const fs::path& trace) {
    const Outcome outcome = run_graph(meddled, temp, {.trace = trace});
    CHECK(outcome.code == failed);
    CHECK(!fs::exists(temp.path / "run"));
    return outcome.errors;
  };
  CHECK(refusal("/dev/null") == "error: cannot write '/dev/null': it is not a regular file\n");
  CHECK(refusal(temp.path / "run/metrics.jsonl") ==
        "error: the trace cannot be written to '" + (temp.path / "run/metrics.jsonl").string() +
            "', a file of the run directory that the run itself writes\n");
  meddling = {{20, [&] { fs::remove_all(temp.path / "traces"); }}};
  const Outcome outcome = run_graph(meddled, temp, {.trace = file});
  meddling.clear();
  CHECK(outcome.errors == "");
  CHECK(outcome.code == finished);
  CHECK(contains(log_text(temp), "the trace is lost: '" + (temp.path / "traces").string()));
}

TEST_CASE("the newest run of a graph is none of another graph file of that name") {
  const TempFolder temp;
  const auto before = fs::current_path();
  fs::current_path(temp.path);
  const auto start = [&](const std::string& graph, RunOptions options) {
    Problems problems;
    Plan plan = make_plan(temp.write(graph, breakable()), {"run.epochs=9", "raise.at=10"}, problems);
    options.quiet = true;
    return run_plan(plan, options);
  };
  CHECK(start("one/graph.toml", {}) == interrupted);
  CHECK(error_of([&] { start("other/graph.toml", {.resume_newest = true}); }) ==
        "there is no run to go on with under 'runs/graph': what is there was made by another graph file of "
        "that name");
  fs::create_directory("moved");
  for (const char* all : {"one", "runs"}) fs::rename(all, fs::path("moved") / all);
  fs::current_path(temp.path / "moved");
  CHECK(start("moved/one/graph.toml", {.resume_newest = true}) == finished);
  fs::current_path(before);
}

TEST_CASE("where a run directory cannot be locked, that is reported") {
  const TempFolder temp;
  fs::create_directory(temp.path / ".lock");  // in the way
  std::vector<std::string> printed;
  const RunLock lock(Folder(temp.path), [&](const std::string& line) { printed.push_back(line); });
  CHECK(printed ==
        std::vector<std::string>{"the run directory '" + temp.path.string() +
                                 "' cannot be locked (cannot write '" + (temp.path / ".lock").string() +
                                 "': Is a directory): make sure that no other run writes there"});
}

TEST_CASE("a lock names who holds it, and leaves an empty file") {
  const TempFolder temp;
  const Folder folder(temp.path);
  const auto silent = [](const std::string&) {};
  {
    const RunLock lock(folder, silent);
    CHECK(read_file(temp.path / ".lock").starts_with("process " + std::to_string(getpid()) + " on "));
    CHECK(error_of([&] { RunLock(folder, silent); }) ==
          "'" + temp.path.string() +
              "' is in use: another run is writing there: " + read_file(temp.path / ".lock"));
  }
  CHECK(read_file(temp.path / ".lock").empty());
  const RunLock again(folder, silent);
}
