// What a run records on a disk that has no room.

#include "record.h"

#include <cmath>

#include "error_of.h"
#include "framework/run_graph.h"

using test_nodes::seen;

namespace {

const std::string cramped = breakable() + "[node.cramp]\ntype = \"test.cramp\"\nfrom = \"again\"\n";

}  // namespace

TEST_CASE("a disk that is full for a while costs no line, and ends nothing") {
  const TempFolder temp;
  CHECK(run_graph(cramped, temp).code == finished);
  const auto whole = metrics(temp.path / "run");
  const Outcome outcome = run_graph(cramped, temp, {.threads = 2}, {"cramp.begin=63", "cramp.until=90"});
  CHECK(outcome.errors == "");
  CHECK(outcome.code == finished);
  CHECK(metrics(temp.path / "run") == whole);
  const std::string log = read_file(temp.path / "run/log.txt"),
                    file = "'" + (temp.path / "run/metrics.jsonl").string() + "'";
  const std::string failed =
      "cannot write " + file + ": File too large: its lines are kept, and tried again\n";
  CHECK(log.find(failed) != log.npos);
  CHECK(log.find(failed, log.find(failed) + 1) == log.npos);
  CHECK(log.find(file + " is written again\n") != log.npos);
}

TEST_CASE("a disk that stays full has the run end with an error, and the state is that of what is written") {
  const TempFolder temp;
  CHECK(run_graph(cramped, temp).code == finished);
  const auto whole = metrics(temp.path / "run");
  const Outcome outcome = run_graph(cramped, temp, {}, {"cramp.begin=90"});
  test_nodes::Cramp::limit_files(RLIM_INFINITY);
  CHECK(outcome.code == failed);
  const std::string file = (temp.path / "run/metrics.jsonl").string();
  CHECK(outcome.errors.starts_with("error: the last state could not be saved: cannot write '" + file +
                                   "': File too large: '"));
  CHECK(outcome.errors.find("then: cannot write '" + file + "': File too large: lines of it are lost\n") !=
        std::string::npos);
  CHECK(outcome.errors.find("--resume") != std::string::npos);
  CHECK(seen["collect"].numbers.size() == 120);  // training came to its end
  CHECK(seen["collect"].closed == 1);
  CHECK(read_file(temp.path / "run/log.txt").find("\nthe state is not saved: cannot write ") !=
        std::string::npos);
  const std::string written = read_file(file);
  CHECK(written.ends_with("}\n"));
  CHECK(std::count(written.begin(), written.end(), '\n') == metrics(temp.path / "run").size());
  CHECK(result(temp.path / "run")["status"] == "failed");
  CHECK(run_graph(cramped, temp, {.resume = temp.path / "run", .allow_changes = true}).code == finished);
  CHECK(metrics(temp.path / "run") == whole);
}

TEST_CASE("a node that reports a new name with each step ends the run, before no state can hold them") {
  const TempFolder temp;
  Problems problems;
  const Plan plan = make_plan(temp.write("graph.toml", chain), {}, problems);
  REQUIRE(problems.empty());
  Record record(plan, true);
  record.create(temp.path / "run");
  Numbers many;
  for (int i = 0; i < 100'000; ++i) many["loss of step " + std::to_string(i)] = i;
  record.report("sum", {}, many);
  record.report("sum", {}, many);
  CHECK(error_of([&] {
          record.report("sum", {}, {{"loss of step 100000", 1}});
        }).starts_with("it has reported more than 100000 metrics of different names"));
  record.report("collect", {}, {{"other", 1}});
}

TEST_CASE("the line of an epoch leaves out what is no number") {
  const TempFolder temp;
  Problems problems;
  const Plan plan = make_plan(temp.write("graph.toml", chain), {"run.progress=[\"sum.sum\"]"}, problems);
  REQUIRE(problems.empty());
  Record record(plan, true);
  record.create(temp.path / "run");
  for (const double value : {1.0, static_cast<double>(NAN), 4.0})
    record.report("sum", {0, 0, 0}, {{"sum", value}});
  record.epoch_done(0, 60);
  record.report("sum", {1, 0, 60}, {{"sum", NAN}, {"collapsed", 1}});
  record.epoch_done(1, 120);
  const std::string log = read_file(temp.path / "run/log.txt");
  CHECK(log.starts_with("epoch 1/2  step 60  sum.sum 2.5  0:0"));
  CHECK(log.find("\nepoch 2/2  step 120  sum.sum collapsed  0:0") != std::string::npos);
}
