#include "runtime.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "framework/run_graph.h"

using namespace twinflow;
using test_nodes::seen;

namespace test_nodes {
TWINFLOW_NODE("test.count", Count)
TWINFLOW_NODE("test.constant", Constant)
TWINFLOW_NODE("test.scale", Scale)
TWINFLOW_COMPONENT("curve", "line", Line)
TWINFLOW_COMPONENT("curve", "square", Square)
TWINFLOW_NODE("test.recipe", Recipe)
TWINFLOW_NODE("test.pass", Pass)
TWINFLOW_NODE("test.spell", Spell)
TWINFLOW_NODE("test.subtract", Subtract)
TWINFLOW_NODE("test.stutter", Stutter)
TWINFLOW_NODE("test.sum", Sum)
TWINFLOW_NODE("test.collect", Collect)
TWINFLOW_NODE("test.watch", Watch)
TWINFLOW_NODE("test.hear", Hear)
TWINFLOW_NODE("test.later", Later)
TWINFLOW_NODE("test.list", List)
TWINFLOW_NODE("test.raise", Raise)
TWINFLOW_NODE("test.swap", Swap)
TWINFLOW_NODE("test.either", Either)
TWINFLOW_NODE("test.delay", Delay)
TWINFLOW_NODE("test.announce", Announce)
TWINFLOW_NODE("test.listen", Listen)
TWINFLOW_NODE("test.ahead", Ahead)
TWINFLOW_NODE("test.cramp", Cramp)
TWINFLOW_NODE("test.canvas", Canvas)
TWINFLOW_NODE("test.draw", Draw)
TWINFLOW_NODE("test.halve", Halve)
TWINFLOW_NODE("test.look", Look)
TWINFLOW_NODE("test.busy", Busy)
}  // namespace test_nodes

TEST_CASE("items arrive in order, the same bits for 1, 2 and 8 threads") {
  const TempFolder temp;
  std::vector<double> first;
  for (const int threads : {1, 2, 8}) {
    CAPTURE(threads);
    CHECK(run_graph(chain, temp, {.threads = threads}).code == finished);
    const auto& collected = seen["collect"];
    std::vector<std::uint64_t> expected(120);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(collected.steps == expected);
    CHECK(collected.epochs == 2);
    CHECK(collected.opened == 1);
    CHECK(collected.closed == 1);
    for (std::size_t i = 0; i < collected.numbers.size(); ++i) {
      CHECK(collected.numbers[i] >= 100 + 2.0 * static_cast<double>(i));
      CHECK(collected.numbers[i] < 100.5 + 2.0 * static_cast<double>(i));
    }
    if (first.empty()) first = collected.numbers;
    CHECK(collected.numbers == first);
  }
}

TEST_CASE("a stateful node emits during the epoch and at its end, and monitors hear of it") {
  const TempFolder temp;
  CHECK(run_graph(chain, temp).code == finished);
  CHECK(seen["running"].numbers.size() == 12);
  CHECK(seen["running"].steps.front() == 9);
  REQUIRE(seen["watch"].numbers.size() == 2);
  const auto& numbers = seen["collect"].numbers;
  CHECK(seen["watch"].numbers[0] == std::accumulate(numbers.begin(), numbers.begin() + 60, 0.0));
  CHECK(seen["watch"].numbers[1] == std::accumulate(numbers.begin() + 60, numbers.end(), 0.0));
  CHECK(seen["watch"].steps == std::vector<std::uint64_t>{59, 119});
}

TEST_CASE("parameters may be tables, lists of tables, and components inside of them") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 1
steps_per_epoch = 5
[node.count]
type = "test.count"
[node.recipe]
type = "test.recipe"
from = "count"
last = { add = 1.0, curve = { type = "line", slope = 2.0 } }
[[node.recipe.stage]]
add = 10
curve = "square"
skip = [2]
[[node.recipe.stage]]
add = 0.5
[node.collect]
type = "test.collect"
from = "recipe"
)";
  CHECK(run_graph(graph, temp).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>{22, 24, 6, 40, 54});  // 2 (x^2 + 10 + 0.5) + 1; not 2
  // What the run directory keeps reads back as the same graph.
  CHECK(run_graph(read_file(temp.path / "run/graph.toml"), temp).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>{22, 24, 6, 40, 54});
  CHECK(run_graph(graph, temp, {}, {"recipe.last.add=2"}).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>{23, 25, 7, 41, 55});
}

TEST_CASE("another seed or another name gives other numbers") {
  const TempFolder temp;
  run_graph(chain, temp);
  const auto before = seen["collect"].numbers;
  run_graph(chain, temp, {}, {"run.seed=6"});
  CHECK(seen["collect"].numbers != before);
  std::string renamed = chain;  // the node that draws
  for (const std::string old : {"[node.scale]", "\"scale\""})
    renamed.replace(renamed.find(old), old.size(), old.front() == '[' ? "[node.other]" : "\"other\"");
  run_graph(renamed, temp);
  CHECK(seen["collect"].numbers.size() == before.size());
  CHECK(seen["collect"].numbers != before);
}

TEST_CASE("renaming a node changes its own numbers and no other's") {
  const TempFolder temp;
  const auto graph = [](const std::string& name) {
    std::string text = "[run]\nepochs = 1\n[node.count]\ntype = \"test.count\"\n";
    for (const std::string& one : {std::string("kept"), name})
      text += "[node." + one + "]\ntype = \"test.scale\"\nfrom = \"count\"\njitter = [0.0, 1.0]\n";
    return text + "[node.first]\ntype = \"test.collect\"\nfrom = \"kept\"\n[node.second]\ntype = " +
           "\"test.collect\"\nfrom = \"" + name + "\"\n";
  };
  run_graph(graph("old"), temp);
  const auto before = seen;
  CHECK(before.at("first").numbers != before.at("second").numbers);
  run_graph(graph("new"), temp);
  CHECK(seen["first"].numbers == before.at("first").numbers);
  CHECK(seen["second"].numbers != before.at("second").numbers);
}

TEST_CASE("no more items are under way than allowed") {
  const TempFolder temp;
  CHECK(run_graph(chain, temp, {.threads = 4, .max_in_flight = 3}).code == finished);
  CHECK(test_nodes::most_under_way <= 3);
  CHECK(test_nodes::most_under_way >= 2);
  const auto result = nlohmann::json::parse(read_file(temp.path / "run/result.json"));
  CHECK(result["most_in_flight"] == 3);
  // Nor where the stream begins anew after each pause.
  CHECK(run_graph(chain, temp, {.threads = 4, .max_in_flight = 3}, {"run.save_steps=2"}).code == finished);
  CHECK(nlohmann::json::parse(read_file(temp.path / "run/result.json"))["most_in_flight"] <= 3);
}

TEST_CASE("several inputs are joined by item, and those not needed may be left out") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 2
steps_per_epoch = 50
[node.a]
type = "test.count"
[node.b]
type = "test.count"
first = 1000
[node.c]
type = "test.scale"
from = "b"
factor = 0.5
[node.d]
type = "test.subtract"
from = { left = "b", right = "a" }
[node.e]
type = "test.subtract"
from = { right = "c", left = "d", bonus = "a" }
[node.collect]
type = "test.collect"
from = "e"
)";
  for (const int threads : {1, 2, 8}) {
    CHECK(run_graph(graph, temp, {.threads = threads}).code == finished);
    const auto& numbers = seen["collect"].numbers;
    REQUIRE(numbers.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(numbers[i] == 1000 - (1000 + i) / 2.0 + i);
  }
}

TEST_CASE("an item that comes on one input only is an error, not a wait") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
steps_per_epoch = 30
[node.a]
type = "test.count"
[node.sum]
type = "test.sum"
from = "a"
[node.d]
type = "test.subtract"
from = { left = "a", right = "sum.running" }
[node.collect]
type = "test.collect"
from = "d"
)";
  const Outcome outcome = run_graph(graph, temp);
  CHECK(outcome.code == failed);
  CHECK(outcome.errors.find(
            "node 'd' (test.subtract): item 0 of the epoch came on some of its inputs, but not on all") !=
        std::string::npos);
}

TEST_CASE("inputs that come in different orders are joined in the order of the first") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 2
steps_per_epoch = 40
[node.count]
type = "test.count"
[node.swap]
type = "test.swap"
from = "count"
[node.slow]
type = "test.scale"
from = "count"
[node.first]
type = "test.subtract"
from = { left = "slow", right = "swap" }
[node.second]
type = "test.subtract"
from = { left = "swap", right = "slow", bonus = "count" }
[node.in_order]
type = "test.collect"
from = "first"
[node.swapped]
type = "test.collect"
from = "second"
)";
  for (const int threads : {1, 2, 8}) {
    CAPTURE(threads);
    CHECK(run_graph(graph, temp, {.threads = threads, .max_in_flight = 10}).code == finished);
    CHECK(seen["in_order"].numbers == std::vector<double>(80, 0.0));
    REQUIRE(seen["swapped"].numbers.size() == 80);
    for (std::size_t i = 0; i < 80; ++i) {
      CHECK(seen["in_order"].steps[i] == i);
      CHECK(seen["swapped"].steps[i] == (i ^ 1));
      CHECK(seen["swapped"].numbers[i] == static_cast<double>(i ^ 1));
    }
  }
}

TEST_CASE("a node that gives out another kind than was planned is an error at who reads it") {
  const TempFolder temp;
  const Outcome outcome = run_graph(
      "[node.either]\ntype = \"test.either\"\n[node.collect]\ntype = \"test.collect\"\nfrom = \"either\"\n",
      temp);
  CHECK(outcome.code == failed);
  CHECK(outcome.errors.find(
            "node 'collect' (test.collect): a value of another type than its port's has arrived") !=
        std::string::npos);
}

TEST_CASE("a trace that cannot be written is told before anything runs") {
  const TempFolder temp;
  const Outcome outcome = run_graph(chain, temp, {.trace = temp.path / "nowhere/trace.json"});
  CHECK(outcome.code == failed);
  CHECK(outcome.errors.find("nowhere/trace.json") != std::string::npos);
  CHECK(!std::filesystem::exists(temp.path / "run"));
  CHECK(seen["collect"].opened == 0);
}

TEST_CASE("an item that comes twice on one input of several is an error") {
  const TempFolder temp;
  const std::string graph = R"(
[node.a]
type = "test.count"
[node.stutter]
type = "test.stutter"
from = "a"
[node.slow]
type = "test.sum"
from = "a"
[node.d]
type = "test.subtract"
from = { left = "stutter", right = "slow.running" }
[node.collect]
type = "test.collect"
from = "d"
)";
  const Outcome outcome = run_graph(graph, temp);
  CHECK(outcome.code == failed);
  CHECK(outcome.errors.find(" of the epoch came twice on its input 'left'") != std::string::npos);
}

TEST_CASE("a trace has a slice for every body and counts the items in flight") {
  const TempFolder temp;
  CHECK(run_graph(chain, temp, {.trace = temp.path / "trace.json", .threads = 2}).code == finished);
  const auto events = nlohmann::json::parse(read_file(temp.path / "trace.json"));
  std::map<std::string, int> slices;
  double most = 0;
  for (const auto& event : events) {
    if (event["ph"] == "X") {
      ++slices[event["name"]];
      CHECK(event["dur"].get<double>() >= 0);
    } else {
      most = std::max(most, event["args"]["items"].get<double>());
    }
  }
  CHECK(slices["scale"] == 120);
  CHECK(slices["sum"] == 122);  // and two ends of an epoch
  CHECK(most == 4);
}

TEST_CASE("slices that a node adds lie inside of its body's, in the row of their thread") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 1
steps_per_epoch = 40
[node.count]
type = "test.count"
[node.busy]
type = "test.busy"
from = "count"
[node.collect]
type = "test.collect"
from = "busy"
)";
  CHECK(run_graph(graph, temp, {.threads = 2}).code == finished);
  CHECK(!test_nodes::Busy::traced);
  CHECK(run_graph(graph, temp, {.trace = temp.path / "trace.json", .threads = 2}).code == finished);
  CHECK(test_nodes::Busy::traced);

  struct Span {
    std::string name;
    double begin, end;
  };
  constexpr double nanosecond = 1e-3;  // to which times are told
  const auto inside = [](const Span& one, const Span& other) {
    return one.begin >= other.begin - nanosecond && one.end <= other.end + nanosecond;
  };
  std::map<int, std::vector<Span>> rows;
  std::map<std::string, int> count;
  for (const auto& event : nlohmann::json::parse(read_file(temp.path / "trace.json"))) {
    if (event["ph"] != "X") continue;
    const double begin = event["ts"];
    rows[event["tid"]].push_back({event["name"], begin, begin + event["dur"].get<double>()});
    ++count[event["name"]];
    CHECK(event.contains("args") ==
          (event["name"] == "count" || event["name"] == "busy" || event["name"] == "collect"));
  }
  CHECK(count == std::map<std::string, int>{{"count", 40},
                                            {"busy", 40},
                                            {"collect", 41},
                                            {"an even item, whose name is long", 20},
                                            {"odd item", 20},
                                            {"inner", 40},
                                            {"part", 160}});
  for (const auto& [row, spans] : rows) {
    CAPTURE(row);
    const auto within = [&](const Span& one, auto&& like) {
      return std::any_of(spans.begin(), spans.end(),
                         [&](const Span& other) { return like(other.name) && inside(one, other); });
    };
    for (const Span& one : spans) {
      if (one.name.ends_with("item") || one.name.starts_with("an even item"))
        CHECK(within(one, [](const std::string& name) { return name == "busy"; }));
      if (one.name == "inner")
        CHECK(within(
            one, [](const std::string& name) { return name != "inner" && name.find("item") != name.npos; }));
      for (const Span& other : spans)  // nested or apart
        CHECK((inside(one, other) || inside(other, one) || one.end <= other.begin + nanosecond ||
               other.end <= one.begin + nanosecond));
    }
  }
}

TEST_CASE("any node may stop the run, at the epoch's end") {
  const TempFolder temp;
  CHECK(run_graph(chain, temp, {}, {"watch.enough=10.0", "run.epochs=50"}).code == finished);
  CHECK(seen["collect"].epochs == 1);
  const auto result = nlohmann::json::parse(read_file(temp.path / "run/result.json"));
  CHECK(result["status"] == "stopped");
  CHECK(result["reason"] == "enough is enough");
}

TEST_CASE("what is published in one epoch is what others read in the next") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 3
steps_per_epoch = 5
[node.count]
type = "test.count"
[node.announce]
type = "test.announce"
from = "count"
[node.listen]
type = "test.listen"
from = "count"
[node.collect]
type = "test.collect"
from = "listen"
)";
  for (const int threads : {1, 4}) {
    CHECK(run_graph(graph, temp, {.threads = threads}).code == finished);
    CHECK(seen["collect"].numbers == std::vector<double>{-1, -1, -1, -1, -1, 4, 4, 4, 4, 4, 9, 9, 9, 9, 9});
  }
}

TEST_CASE("an epoch is as long as its finite sources") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 2
[node.list]
type = "test.list"
numbers = [3.0, 1.0, 2.0]
[node.count]
type = "test.count"
[node.both]
type = "test.subtract"
from = { left = "list", right = "count" }
[node.collect]
type = "test.collect"
from = "both"
)";
  CHECK(run_graph(graph, temp).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>{3, 0, 0, 0, -3, -3});
  CHECK(run_graph(graph, temp, {}, {"run.steps_per_epoch=2"}).code == finished);
  CHECK(seen["collect"].numbers == std::vector<double>{3, 0, 1, -2});
  const std::string place = (temp.path / "graph.toml").string() + ":4:1: error: node 'list' (test.list): ";
  CHECK(run_graph(graph, temp, {}, {"run.steps_per_epoch=4"})
            .errors.starts_with(place + "it has 3 items for an epoch of 4\n"));
  CHECK(run_graph(graph, temp, {}, {"list.numbers=[]"}).errors.starts_with(place + "it has no items\n"));
  test_nodes::throw_at = "list items";
  CHECK(run_graph(graph, temp).errors.starts_with(place + "told to fail in items\n"));
  test_nodes::throw_at.clear();
  CHECK(!std::filesystem::exists(temp.path / "run"));
}

TEST_CASE("the result has the last and the best of what was measured") {
  const TempFolder temp;
  const std::string graph = R"(
[run]
epochs = 3
progress = ["sum.sum"]
[node.list]
type = "test.list"
numbers = [-3.0, 1.0]
[node.scale]
type = "test.scale"
from = "list"
[node.sum]
type = "test.sum"
from = "scale"
[node.watch]
type = "test.watch"
from = "sum.total"
)";
  CHECK(run_graph(graph, temp, {}, {"scale.jitter=[0.0,1.0]"}).code == finished);
  const auto result = nlohmann::json::parse(read_file(temp.path / "run/result.json"));
  const auto& sums = seen["watch"].numbers;
  const auto best = std::max_element(sums.begin(), sums.end());
  CHECK(result["metrics"]["sum"]["sum"] == sums.back());
  CHECK(result["best"]["sum"]["sum"]["value"] == *best);
  CHECK(result["best"]["sum"]["sum"]["epoch"] == best - sums.begin());
}

TEST_CASE("an exception from anywhere ends the run, naming node, type and line") {
  const TempFolder temp;
  struct Case {
    std::string where, type;
    int line;
  };
  const std::vector<Case> cases = {
      {"count open", "test.count", 6},      {"offset constant", "test.constant", 8},
      {"count make", "test.count", 6},      {"scale apply", "test.scale", 11},
      {"sum process", "test.sum", 19},      {"sum finish_epoch", "test.sum", 19},
      {"collect close", "test.collect", 22}};
  for (const Case& one : cases) {
    for (const int threads : {1, 4}) {
      CAPTURE(one.where);
      test_nodes::throw_at = one.where;
      const Outcome outcome = run_graph(chain, temp, {.threads = threads});
      test_nodes::throw_at.clear();
      const auto space = one.where.find(' ');
      const std::string node = one.where.substr(0, space), place = one.where.substr(space + 1);
      CHECK(outcome.code == failed);
      CHECK(outcome.errors.starts_with((temp.path / "graph.toml").string() + ":" + std::to_string(one.line) +
                                       ":1: error: node '" + node + "' (" + one.type + "): told to fail in " +
                                       place + "\n"));
      const bool opening = place == "open" || place == "constant";
      CHECK(std::filesystem::exists(temp.path / "run") == !opening);  // nothing lies about when nothing ran
      if (!opening) {
        CHECK(nlohmann::json::parse(read_file(temp.path / "run/result.json"))["status"] == "failed");
        CHECK(seen["collect"].closed == 1);
      }
    }
  }
}

TEST_CASE("the run directory tells what ran and what was measured") {
  const TempFolder temp;
  CHECK(run_graph(chain, temp).code == finished);
  CHECK(read_file(temp.path / "run/graph.toml").find("[node.scale]") != std::string::npos);
  std::istringstream lines(read_file(temp.path / "run/metrics.jsonl"));
  std::vector<nlohmann::json> metrics;
  for (std::string line; std::getline(lines, line);) metrics.push_back(nlohmann::json::parse(line));
  REQUIRE(metrics.size() == 2);
  CHECK(metrics[1]["epoch"] == 1);
  CHECK(metrics[1]["step"] == 119);
  CHECK(metrics[1]["node"] == "sum");
  CHECK(metrics[1]["metrics"]["sum"] == seen["watch"].numbers[1]);
  const auto result = nlohmann::json::parse(read_file(temp.path / "run/result.json"));
  CHECK(result["status"] == "finished");
  CHECK(result["steps"] == 120);
  CHECK(result["nodes"]["scale"]["items"] == 120);

  Problems problems;
  Plan plan = make_plan(temp.path / "graph.toml", {}, problems);
  CHECK(run_plan(plan, {.output = temp.path / "run"}) == failed);  // never over an old run
  CHECK(nlohmann::json::parse(read_file(temp.path / "run/result.json"))["status"] == "finished");
}

TEST_CASE("a listener hears every report, and its epoch ends after all others'") {
  const TempFolder temp;
  test_nodes::Hear::heard.clear();
  test_nodes::Hear::order.clear();
  const std::string early = std::string(chain).replace(std::string(chain).find("[node.count]"), 12,
                                                       "[node.all]\ntype = \"test.hear\"\n[node.count]");
  CHECK(run_graph(early, temp, {.threads = 4}).code == finished);
  std::istringstream lines(read_file(temp.path / "run/metrics.jsonl"));
  std::map<std::string, std::size_t> written;
  std::size_t reports = 0;
  for (std::string line; std::getline(lines, line); ++reports) {
    const auto one = nlohmann::json::parse(line);
    written[one["node"].get<std::string>()] += one["metrics"].size();
  }
  CHECK(reports > 0);
  CHECK(test_nodes::Hear::heard == written);
  CHECK(seen["all"].steps.size() == reports);
  CHECK(seen["all"].epochs == 2);
}

TEST_CASE("what a node has written later is written in order, and before its close() ends") {
  const TempFolder temp;
  test_nodes::Later::written.clear();
  const std::string graph = std::string(chain) + "[node.later]\ntype = \"test.later\"\nfrom = \"again\"\n";
  CHECK(run_graph(graph, temp, {.threads = 2}).code == finished);
  CHECK(test_nodes::Later::written == seen["collect"].numbers);
  CHECK(seen["later"].closed == 1);
}
