// Budgets, and saves within an epoch.

#include "timetable.h"

#include "framework/run_graph.h"

using test_nodes::seen;

namespace {

const std::vector<const char*> sinks = {"collect", "running", "watch", "heard"};

void check_same(const std::map<std::string, test_nodes::Seen>& whole) {
  for (const char* sink : sinks) {
    CAPTURE(sink);
    CHECK(seen[sink].numbers == whole.at(sink).numbers);
    CHECK(seen[sink].steps == whole.at(sink).steps);
    CHECK(seen[sink].epochs == whole.at(sink).epochs);
  }
}

std::string log_of(const TempFolder& temp) { return read_file(temp.path / "run/log.txt"); }

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("the stream pauses at the first of an epoch's end, a budget and a save") {
  RunSettings run;
  CHECK(Timetable(run).next_pause(0, 60) == 60);
  run.save_steps = 25;
  CHECK(Timetable(run).next_pause(0, 60) == 25);
  CHECK(Timetable(run).next_pause(24, 60) == 25);
  CHECK(Timetable(run).next_pause(25, 60) == 50);
  CHECK(Timetable(run).next_pause(50, 60) == 60);
  CHECK(Timetable(run).next_pause(60, 120) == 75);
  run.max_steps = 70;
  CHECK(Timetable(run).next_pause(60, 120) == 70);
}

TEST_CASE("a budget of time counts what was before, and times of saves count from the last") {
  using std::chrono::seconds;
  const Timetable::Clock::time_point now;
  RunSettings run;
  run.max_time = Duration{100};
  run.save_minutes = 0.5;
  Timetable timetable(run);
  timetable.start(30, now);
  CHECK(!timetable.time_to_pause(now + seconds(29)));
  CHECK(timetable.time_to_pause(now + seconds(30)));
  CHECK(timetable.save_due(7, now + seconds(30)));
  timetable.saved(now + seconds(45));
  CHECK(!timetable.time_to_pause(now + seconds(69)));
  CHECK(!timetable.save_due(7, now + seconds(70)));
  CHECK(timetable.time_to_pause(now + seconds(70)));  // the budget
  CHECK(!timetable.spent(7, timetable.time_over(now + seconds(69))));
  CHECK(timetable.spent(7, timetable.time_over(now + seconds(70))) ==
        "max_time = \"1m40s\" of [run] is over");
  CHECK(timetable.spent(7, timetable.time_over(now)));  // stays
}

TEST_CASE("a budget of steps ends the run at any item, and with a larger one it goes on to the same end") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp).code == finished);
  const auto whole = seen;
  const auto whole_metrics = metrics(temp.path / "run");
  const auto whole_result = result(temp.path / "run");
  for (const int steps : {1, 37, 59, 60, 61, 110}) {
    for (const int threads : {1, 4}) {
      CAPTURE(steps);
      CAPTURE(threads);
      const std::string budget = "run.max_steps=" + std::to_string(steps);
      CHECK(run_graph(graph, temp, {.threads = threads}, {budget}).code == finished);
      auto ended = result(temp.path / "run");
      CHECK(ended["status"] == "stopped");
      CHECK(ended["reason"] == "max_steps = " + std::to_string(steps) + " of [run] is reached");
      CHECK(ended["steps"] == steps);
      CHECK(ended["epochs"] == steps / 60);
      CHECK(seen["collect"].numbers.size() == steps);
      CHECK(seen["watch"].numbers.size() == steps / 60);  // an epoch that ends with it is measured
      CHECK(seen["collect"].closed == 1);
      const RunOptions again{.resume = temp.path / "run", .threads = threads};
      CHECK(run_graph(graph, temp, again, {budget}).code == finished);  // nothing is left of it
      CHECK(seen["collect"].numbers.size() == steps);
      CHECK(result(temp.path / "run")["status"] == "stopped");
      const Outcome longer = run_graph(graph, temp, again, {"run.max_steps=119"});
      CHECK(longer.errors == "");
      CHECK(longer.code == finished);
      CHECK(seen["collect"].numbers.size() == 119);
      CHECK(run_graph(graph, temp, again).code == finished);
      check_same(whole);
      CHECK(metrics(temp.path / "run") == whole_metrics);
      for (const char* key : {"status", "reason", "epochs", "steps", "metrics", "best"})
        CHECK(result(temp.path / "run")[key] == whole_result[key]);
    }
  }
}

TEST_CASE("unlimited epochs end by a budget, a node or a signal") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp, {}, {"run.epochs=3"}).code == finished);
  const auto whole = seen;
  const std::string unlimited = "run.epochs=unlimited";
  CHECK(run_graph(graph, temp, {}, {unlimited, "run.max_steps=180"}).code == finished);
  check_same(whole);
  CHECK(result(temp.path / "run")["status"] == "stopped");
  CHECK(log_of(temp).find("\nepoch 3  step 180  ") != std::string::npos);  // of how many nobody knows
  CHECK(run_graph(graph, temp, {}, {unlimited, "watch.enough=10.0"}).code == finished);
  CHECK(result(temp.path / "run")["reason"] == "enough is enough");
  CHECK(run_graph(graph, temp, {}, {unlimited, "raise.at=130"}).code == interrupted);
  CHECK(run_graph(graph, temp, {.resume = temp.path / "run", .allow_changes = true}, {"run.epochs=3"}).code ==
        finished);
  check_same(whole);
}

TEST_CASE("nodes know how many items the run is meant to have") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 2
steps_per_epoch = 3
[node.count]
type = "test.count"
[node.ahead]
type = "test.ahead"
from = "count"
[node.collect]
type = "test.collect"
from = "ahead"
)";
  CHECK(run_graph(graph, temp).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>(6, 6.0));
  CHECK(run_graph(graph, temp, {}, {"run.max_steps=4"}).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>(4, 6.0));  // where the budget ends is not their affair
  CHECK(run_graph(graph, temp, {}, {"run.max_steps=4", "run.epochs=unlimited"}).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>(4, 4.0));
}

TEST_CASE("a budget of time ends the run, its time before included, and changes no number") {
  const TempFolder temp;
  const std::string graph = breakable();
  const RunOptions again{.resume = temp.path / "run", .threads = 2};
  const std::string unlimited = "run.epochs=unlimited";
  CHECK(run_graph(graph, temp, {.threads = 2}, {unlimited, "run.max_time=1s"}).code == finished);
  const auto ended = result(temp.path / "run");
  CHECK(ended["status"] == "stopped");
  CHECK(ended["reason"] == "max_time = \"1s\" of [run] is over");
  CHECK(ended["seconds"].get<double>() >= 1.0);
  const int steps = ended["steps"];
  REQUIRE(steps > 0);
  CHECK(seen["collect"].numbers.size() == steps);
  CHECK(seen["collect"].closed == 1);
  CHECK(run_graph(graph, temp, again, {unlimited, "run.max_time=1s"}).code == finished);
  const int later = result(temp.path / "run")["steps"];
  CHECK(later - steps < 60);  // it is over, but for the moment between saving the state and ending
  const std::string end = "run.max_steps=" + std::to_string(later + 100);
  CHECK(run_graph(graph, temp, again, {unlimited, "run.max_time=1d", end}).code == finished);
  const auto in_two = seen;
  const auto metrics_in_two = metrics(temp.path / "run");
  CHECK(run_graph(graph, temp, {}, {unlimited, end}).code == finished);
  check_same(in_two);
  CHECK(metrics(temp.path / "run") == metrics_in_two);
}

TEST_CASE("saves within an epoch change no number") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp).code == finished);
  const auto whole = seen;
  const auto whole_metrics = metrics(temp.path / "run");
  for (const char* saves :
       {"run.save_steps=1", "run.save_steps=7", "run.save_steps=60", "run.save_minutes=1e-6"})
    for (const int threads : {1, 4})
      for (const int in_flight : {1, 3, 10}) {
        CAPTURE(saves);
        CAPTURE(threads);
        CAPTURE(in_flight);
        CHECK(run_graph(graph, temp, {.threads = threads, .max_in_flight = in_flight}, {saves}).code ==
              finished);
        check_same(whole);
        CHECK(metrics(temp.path / "run") == whole_metrics);
        CHECK(result(temp.path / "run")["save_seconds"].get<double>() > 0.0);
      }
}

TEST_CASE("a run that ends by force goes on from the save within the epoch") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp).code == finished);
  const auto whole = metrics(temp.path / "run");
  struct Case {
    const char *saves, *resumed;
  };
  for (const Case& one : {Case{"run.save_steps=25", " of 60 items of epoch 1"},
                          Case{"run.save_steps=60", "resumed after epoch 0"},
                          Case{"run.save_minutes=1e-6", " of 60 items of epoch 1"}}) {
    test_nodes::throw_at = "sum finish_epoch";
    CHECK(run_graph(graph, temp, {.threads = 2}, {one.saves}).code == failed);
    test_nodes::throw_at.clear();
    CHECK(run_graph(graph, temp, {.resume = temp.path / "run"}).code == finished);
    CHECK(log_of(temp).find(one.resumed) != std::string::npos);
    CHECK(metrics(temp.path / "run") == whole);
  }
}

TEST_CASE("where an item is half-way into a node nothing is saved, and the run goes on") {
  const TempFolder temp;
  const std::string saves = "run.save_steps=10";
  for (const int in_flight : {4, 8}) {
    CHECK(run_graph(half_way, temp, {.threads = 2, .max_in_flight = in_flight}, {saves}).code == finished);
    CHECK(seen["collect"].numbers == std::vector<double>(80, 0.0));
    CHECK(count(log_of(temp), "some inputs of node 'both' only") == 1);
  }
  const Outcome stuck = run_graph(half_way, temp, {.max_in_flight = 3}, {saves});
  CHECK(stuck.code == failed);
  CHECK(stuck.errors.find("(of 3 items in flight; --max-in-flight allows more)") != std::string::npos);
  CHECK(run_graph(half_way, temp, {.max_in_flight = 8}, {saves, "run.max_steps=55"}).code == finished);
  CHECK(result(temp.path / "run")["status"] == "stopped");
  CHECK(run_graph(half_way, temp, {.resume = temp.path / "run", .max_in_flight = 8}).code == finished);
  CHECK(log_of(temp).find("resumed after epoch 1") != std::string::npos);
}

TEST_CASE("a signal while an epoch ends, or while the state is saved, is heard") {
  const TempFolder temp;
  const std::string graph = breakable();
  CHECK(run_graph(graph, temp).code == finished);
  const auto whole = seen;
  const auto whole_metrics = metrics(temp.path / "run");
  struct Case {
    const char* where;
    int after, steps;  // passed there before; where the run then stands
    std::vector<std::string> saves = {"run.save_steps=20"};
  };
  for (const Case& one : {Case{"sum finish_epoch", 0, 60}, Case{"sum save", 0, 0}, Case{"sum save", 1, 20},
                          Case{"sum save", 1, 60, {"run.save_every=1"}},
                          Case{"sum save", 1, 30, {"run.save_every=0", "run.save_steps=30"}},
                          Case{"sum save", 1, 60, {"run.save_every=0", "run.save_steps=60"}}}) {
    CAPTURE(one.where);
    CAPTURE(one.after);
    test_nodes::raise_at = one.where;
    test_nodes::raise_after = one.after;
    CHECK(run_graph(graph, temp, {.threads = 2}, one.saves).code == interrupted);
    test_nodes::raise_at.clear();
    CHECK(result(temp.path / "run")["steps"] == one.steps);
    CHECK(run_graph(graph, temp, {.resume = temp.path / "run"}).code == finished);
    check_same(whole);
    CHECK(metrics(temp.path / "run") == whole_metrics);
  }
  test_nodes::raise_at = "sum finish_epoch";  // of the last epoch: it is done
  test_nodes::raise_after = 1;
  CHECK(run_graph(graph, temp).code == finished);
  test_nodes::raise_at.clear();
  check_same(whole);
}
