// Graph files that are wrong, each beside the message they get: tests/framework/bad/NAME.toml and NAME.txt.

#include "plan.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "framework/test_nodes.h"
#include "registry.h"
#include "temp_folder.h"
#include "twinflow/plugin.h"

using namespace twinflow;

namespace {

std::string problems_of(const std::filesystem::path& file, const std::vector<std::string>& overrides = {}) {
  Problems problems;
  make_plan(file, overrides, problems);
  std::string text = problems.str();
  const auto replace = [&](const std::string& folder, const std::string& by) {
    for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder))
      text.replace(at, folder.size(), by);
  };
  replace(file.parent_path().string() + "/", "");
  replace(TWINFLOW_BUILD_DIR "/", "BUILD/");
  return text;
}

/// One output that is meant by its name, and two that have to be asked for.
class Spoken final : public Stateful<test_nodes::Number> {
 public:
  static void describe(NodeSpec<Spoken>& spec) {
    spec.summary("Gives out several things.");
    spec.output("first", &Spoken::first).aside().doc("numbers");
    spec.output("second", &Spoken::second).doc("numbers");
    spec.output("third", &Spoken::third).aside().doc("numbers");
  }
  void process(test_nodes::Number, const Item&) override {}

 private:
  Output<test_nodes::Number> first, second, third;
};
TWINFLOW_NODE("test.spoken", Spoken)

const char* const good_graph = R"(
[run]
epochs = 2
[node.count]
type = "test.count"
[node.scale]
type = "test.scale"
from = "count"
factor = 2.0
[node.collect]
type = "test.collect"
from = "scale"
)";

/// Its only input need not be fed.
class Wish final : public Sink<Inputs<std::optional<test_nodes::Number>>> {
 public:
  static void describe(NodeSpec<Wish>& spec) { spec.summary("Takes what it is given."); }
  void process(Inputs<std::optional<test_nodes::Number>>, const Item&) override {}
};
TWINFLOW_NODE("plan.wish", Wish)

}  // namespace

TEST_CASE("every bad graph gets the message that stands beside it") {
  const std::filesystem::path folder = TWINFLOW_SOURCE_DIR "/tests/framework/bad";
  std::vector<std::filesystem::path> graphs;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".toml") graphs.push_back(entry.path());
  std::sort(graphs.begin(), graphs.end());
  REQUIRE(graphs.size() >= 40);
  for (const auto& graph : graphs) {
    CAPTURE(graph.filename().string());
    REQUIRE(std::filesystem::exists(std::filesystem::path(graph).replace_extension(".txt")));
    CHECK(problems_of(graph) == read_file(std::filesystem::path(graph).replace_extension(".txt")));
  }
}

TEST_CASE("a good graph becomes a plan, upstream first") {
  const TempFolder temp;
  Problems problems;
  const Plan plan = make_plan(temp.write("small.toml", good_graph), {}, problems);
  CHECK(problems.str() == "");
  REQUIRE(plan.nodes.size() == 3);
  CHECK(plan.nodes[0].name == "count");
  CHECK(plan.nodes[2].name == "collect");
  CHECK(plan.nodes[1].inputs.at(0).second.node == 0);
  CHECK(plan.graph_name == "small");
  CHECK(plan.run.epochs.number == 2);
}

TEST_CASE("--set overrides go through the same checks") {
  const TempFolder temp;
  const auto graph = temp.write("g.toml", good_graph);
  auto one = [&](const std::string& argument) { return problems_of(graph, {argument}); };
  CHECK(one("scale.factor=3") == "");
  CHECK(one("scale.rounding=down") == "");
  CHECK(one("run.seed=9") == "");
  CHECK(one("scale.factor=30") ==
        "--set:1:14: error: 'factor' is 30, out of range: -10 to 10 apples\n  scale.factor=30\n              "
        " ^\n");
  CHECK(one("scale.facto=3") ==
        "--set:1:1: error: node 'test.scale' has no parameter 'facto'; did you mean 'factor'?\n  "
        "scale.facto=3\n  ^\n");
  CHECK(one("scal.factor=3") ==
        "--set:1:1: error: the graph has no node 'scal'; did you mean 'scale'?\n  scal.factor=3\n  ^\n");
  CHECK(
      one("scale.factor.deep=3") ==
      "--set:1:1: error: 'factor' is a number with a fraction in the graph: nothing inside of it can be set\n"
      "  scale.factor.deep=3\n  ^\n");
  CHECK(one("scale.jitter=[0.5,1.5]") ==
        "--set:1:19: error: 'jitter' is 1.5, out of range: 0 to 1\n  scale.jitter=[0.5,1.5]\n                "
        "    ^\n");
  const std::string several =
      problems_of(graph, {"scal.factor=3", "factor", "scale.factor=30", "run.sede=1"});
  CHECK(std::count(several.begin(), several.end(), '^') == 4);  // all at once
  CHECK(one("factor") ==
        "--set:1:1: error: --set takes node.parameter=value or run.parameter=value\n  factor\n  ^\n");
  CHECK(
      one("scale.factor.=1") ==
      "--set:1:1: error: --set takes node.parameter=value or run.parameter=value\n  scale.factor.=1\n  ^\n");
  // What opens like a list, a table or a string is not taken for a bare word.
  CHECK(one("scale.jitter=[0.5,ä]")
            .starts_with("--set:1:19: error: Error while parsing value: could not determine value type"));
  for (const char* value : {"[0.5", "{a=1", "\"half", "'half"})
    CHECK(one(std::string("scale.rounding=") + value).find("error: Error while parsing ") !=
          std::string::npos);
  CHECK(one("scale.rounding=2nd") ==
        "--set:1:16: error: expected \"none\" or \"down\", found \"2nd\"\n  "
        "scale.rounding=2nd\n                 ^\n");
  CHECK(one("scale.factor=1\nx") == "--set:1:1: error: --set takes one line\n  scale.factor=1\n  ^\n");
  CHECK(one("scale.rounding=\xff") ==
        "--set:1:16: error: expected \"none\" or \"down\", found \"\\xff\"\n  scale.rounding=\\xff\n         "
        "    "
        "    ^\n");
  CHECK(one("run.seed=99999999999999999999").find("is not representable in 64 bits") != std::string::npos);
}

TEST_CASE("the resolved graph reads back as the same graph") {
  const TempFolder temp;
  Problems problems;
  const Plan plan = make_plan(temp.write("g.toml", good_graph), {"scale.factor=3.5", "run.seed=4"}, problems);
  CHECK(plan.resolved_toml.find("factor = 3.5") != std::string::npos);
  const Plan again = make_plan(temp.write("again.toml", plan.resolved_toml), {}, problems);
  CHECK(problems.str() == "");
  CHECK(again.run.seed == 4);
  CHECK(again.resolved_toml == plan.resolved_toml);
}

TEST_CASE("a graph may extend another: tables are laid over each other, key by key") {
  const TempFolder temp;
  temp.write("base/base.toml", good_graph);
  const auto graph = temp.write("top.toml", R"(
extends = "base/base.toml"
[run]
seed = 3
[node.scale]
factor = 3.0
[node.second]
type = "test.collect"
from = "count"
)");
  Problems problems;
  const Plan plan = make_plan(graph, {"run.epochs=7"}, problems);
  CHECK(problems.str() == "");
  CHECK(plan.nodes.size() == 4);
  CHECK(plan.run.seed == 3);
  CHECK(plan.run.epochs.number == 7);
  CHECK(plan.resolved_toml.find("factor = 3.0") != std::string::npos);
  CHECK(plan.graph_name == "top");
}

TEST_CASE("a variant port gives out the kind that it is fed") {
  const TempFolder temp;
  const std::string graph = R"(
[node.count]
type = "test.count"
[node.pass]
type = "test.pass"
from = "count"
[node.collect]
type = "test.collect"
from = "pass"
)";
  CHECK(problems_of(temp.write("g.toml", graph)) == "");
}

TEST_CASE("an only input need not be named, nor fed where it is optional") {
  const TempFolder temp;
  for (const std::string from : {"from = \"count\"", "from = { in = \"count\" }", ""}) {
    Problems problems;
    const Plan plan = make_plan(temp.write("g.toml", "[node.wish]\ntype = \"plan.wish\"\n" + from +
                                                         "\n[node.count]\ntype = \"test.count\"\n"
                                                         "[node.collect]\ntype = \"test.collect\"\n"
                                                         "from = \"count\"\n"),
                                {}, problems);
    CHECK(problems.str() == "");
    for (const Plan::PlannedNode& node : plan.nodes)
      if (node.name == "wish") CHECK(node.inputs.size() == (from.empty() ? 0 : 1));
  }
}

TEST_CASE("shapes of images go from node to node until somebody says another or that nobody knows") {
  const TempFolder temp;
  const auto graph = temp.write("g.toml", R"(
[node.canvas]
type = "test.canvas"
size = 12
[node.draw]
type = "test.draw"
from = "canvas.images"
[node.pass]
type = "test.pass"
from = "draw"
[node.halve]
type = "test.halve"
from = "pass"
[node.minus]
type = "test.subtract"
from = { left = "halve", right = "draw" }
[node.scale]
type = "test.scale"
from = { number = "count", offset = "canvas.more" }
[node.sum]
type = "test.sum"
from = "minus"
[node.look]
type = "test.look"
from = { images = "halve", more = "sum.running", canvas = "canvas.more" }
height = 6
[node.count]
type = "test.count"
)");
  const auto shapes = [&](const std::vector<std::string>& overrides) {
    Problems problems;
    const Plan plan = make_plan(graph, overrides, problems);
    REQUIRE(problems.str().find("error") == std::string::npos);
    std::map<std::string, std::string> all;
    for (const Plan::PlannedNode& node : plan.nodes)
      all[node.name] = node.image_shape ? node.image_shape->text() : "unknown";
    return all;
  };
  const std::string full = "2x12x12", half = "2x6x12";
  CHECK(problems_of(graph) ==
        "g.toml:26:10: error: on 'canvas' are images of 2x12x12\n  height = 6\n           ^\n");
  CHECK(shapes({"look.from={images=\"halve\",more=\"sum.running\"}"}) ==
        std::map<std::string, std::string>{{"canvas", full},
                                           {"draw", full},
                                           {"pass", full},
                                           {"halve", half},
                                           {"minus", half},       // its first stream's
                                           {"scale", "unknown"},  // a stream goes before a constant
                                           {"sum", half},
                                           {"look", half},
                                           {"count", "unknown"}});
  for (const auto& [name, shape] : shapes({"canvas.size=0"})) CHECK(shape == "unknown");
  // Of a node that is wrong no shape is known: it is reported once.
  CHECK(problems_of(graph, {"canvas.odd=false", "canvas.size=9"}) ==
        "--set:1:13: error: an odd size\n  canvas.size=9\n              ^\n");
}

TEST_CASE("every registered type describes itself") {
  for (const TypeInfo* info : Registry::instance().loaded()) {
    CAPTURE(info->type);
    CHECK(!info->summary.empty());
    CHECK(info->make() != nullptr);
  }
}

TEST_CASE("outputs that are aside are taken by their names only: the node's name alone means the other") {
  const TempFolder temp;
  const auto fed = [&](const std::string& from) {
    Problems problems;
    const Plan plan = make_plan(temp.write("g.toml", R"(
[node.count]
type = "test.count"
[node.spoken]
type = "test.spoken"
from = "count"
[node.collect]
type = "test.collect"
from = ")" + from + "\"\n"),
                                {}, problems);
    CHECK(problems.str() == "");
    return plan.nodes.at(2).inputs.at(0).second.output;
  };
  CHECK(fed("spoken") == 1);
  CHECK(fed("spoken.first") == 0);
  CHECK(fed("spoken.second") == 1);
  CHECK(fed("spoken.third") == 2);
}

TEST_CASE("a chain of nodes may be longer than a stack is deep, and each may be wrong") {
  const TempFolder temp;
  constexpr int count = 20'000;
  const auto graph = [&](const std::string& first, const std::string& source) {
    std::string toml = first;
    for (int i = count; i-- > 0;)  // the last one first: it leads through all others
      toml += fmt::format("[node.n{}]\ntype = \"test.pass\"\nfrom = \"{}{}\"\n", i, source,
                          i > 0 ? i - 1 : count);
    return temp.write("g.toml", toml);
  };
  Problems problems;
  const Plan plan =
      make_plan(graph(fmt::format("[node.n{}]\ntype = \"test.count\"\n", count), "n"), {}, problems);
  CHECK(problems.empty());
  REQUIRE(plan.nodes.size() == count + 1);
  CHECK(plan.nodes.front().name == fmt::format("n{}", count));
  CHECK(plan.nodes.back().name == fmt::format("n{}", count - 1));
  const std::string unknown = problems_of(graph("[node.c]\ntype = \"test.count\"\n", "m"));
  CHECK(std::count(unknown.begin(), unknown.end(), '^') == count);
  CHECK(unknown.find("there is no node 'm0'; did you mean 'n0'?") == std::string::npos);  // after 100 of them
  CHECK(unknown.find("; did you mean 'n19998'?") != std::string::npos);
  const std::string loop =
      problems_of(graph("", "n").parent_path() / "g.toml", {fmt::format("n0.from=n{}", count - 1)});
  CHECK(loop.find("the graph goes round in a circle: n19999 -> ") != std::string::npos);
  CHECK(loop.size() < 1'000);
}

TEST_CASE("a graph laid over one of as many nodes") {
  const TempFolder temp;
  std::string toml = "[node.c]\ntype = \"test.count\"\n";
  for (int i = 0; i < 5'000; ++i) toml += fmt::format("[node.n{}]\ntype = \"test.pass\"\nfrom = \"c\"\n", i);
  temp.write("base.toml", toml);
  Problems problems;
  const Plan plan = make_plan(temp.write("top.toml", "extends = \"base.toml\"\n" + toml), {}, problems);
  CHECK(problems.empty());
  CHECK(plan.nodes.size() == 5'001);
}
