#include "schema.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "json_schema.h"
#include "registry.h"

using namespace twinflow;

namespace {

nlohmann::ordered_json schema() { return graph_schema(Registry::instance().loaded()); }

}  // namespace

TEST_CASE("a schema says of a parameter what its description says") {
  const auto all = schema();
  const auto& scale = all["definitions"]["node.test.scale"];
  CHECK(scale["description"] == "Multiplies by a factor.");
  CHECK(scale["properties"]["type"]["const"] == "test.scale");
  CHECK(scale["properties"]["factor"] ==
        nlohmann::ordered_json{{"type", "number"},
                               {"minimum", -10},
                               {"maximum", 10},
                               {"description", "what to multiply by; -10 to 10 apples"},
                               {"default", 1.0}});
  CHECK(scale["properties"]["rounding"]["enum"] == nlohmann::json{"none", "down"});
  CHECK(scale["properties"]["jitter"]["items"]["maximum"] == 1);
  CHECK(scale["properties"]["jitter"]["minItems"] == 2);
  CHECK(scale["required"] == nlohmann::json{"type", "from"});
  CHECK(!all["definitions"]["part.node.test.scale"].contains("required"));
}

TEST_CASE(
    "a schema takes good graphs: both forms of 'from', components as names and as tables, nested tables") {
  const TempFolder temp;
  const std::string base = temp.write("base.toml", R"(
[run]
seed = 3
[node.c]
type = "test.constant"
value = 2
[node.count]
type = "test.count"
[node.scale]
type = "test.scale"
from = { number = "count", offset = "c" }
factor = 2
jitter = [0, 0.5]
rounding = "down"
weights = [1, 2]
[node.recipe]
type = "test.recipe"
from = "scale"
last = { add = 1, curve = "square" }
[[node.recipe.stage]]
curve = { type = "line", slope = 2.0 }
add = 1.0
skip = [1]
[node.collect]
type = "test.collect"
from = "recipe"
)");
  const std::string over = temp.write("over.toml", R"(
extends = "base.toml"
[node.scale]
factor = 3.0
[node.recipe.last.curve]
type = "line"
slope = 1
)");
  const auto wrong = check_by_schema(schema(), {base, over});
  if (!wrong) return;
  CHECK(wrong->at(base) == "");
  CHECK(wrong->at(over) == "");
}

TEST_CASE("a schema refuses every bad graph whose mistake shows in one table") {
  // The others need more than that.
  const std::set<std::string> beyond{"unknown_upstream",
                                     "unknown_output",
                                     "which_output",
                                     "which_input",
                                     "constant_as_stream",
                                     "port_types",
                                     "unknown_metric",
                                     "cycle",
                                     "metric_of_other_node",
                                     "progress_unknown",
                                     "published_twice",
                                     "unused_output",
                                     "no_source",
                                     "open_ended",
                                     "image_shape",  // other nodes
                                     "extends_loop",
                                     "extends_override",
                                     "extends_loop_b",
                                     "extends_missing",
                                     "missing_plugin",
                                     "not_a_plugin",  // other files
                                     "max_time",      // what a text says
                                     "range_reversed",
                                     "table_check",
                                     "element_check",  // what holds between values
                                     "float_for_integer",
                                     "not_finite",
                                     "integer_too_large"};  // JSON has one kind of number
  std::vector<std::string> graphs;
  for (const auto& entry : std::filesystem::directory_iterator(TWINFLOW_SOURCE_DIR "/tests/framework/bad"))
    if (entry.path().extension() == ".toml") graphs.push_back(entry.path().string());
  REQUIRE(graphs.size() >= 40);
  const auto wrong = check_by_schema(schema(), graphs);
  if (!wrong) return;
  for (const auto& [graph, message] : *wrong) {
    const std::string name = std::filesystem::path(graph).stem().string();
    CAPTURE(name);
    CAPTURE(message);
    CHECK(message.empty() == beyond.contains(name));
  }
}
