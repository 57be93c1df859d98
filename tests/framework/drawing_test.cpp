#include "drawing.h"

#include <doctest/doctest.h>

#include "temp_folder.h"

using namespace twinflow;

namespace {

std::string drawn(const std::filesystem::path& graph) {
  Problems problems;
  const Plan plan = make_plan(graph, {}, problems);
  CHECK(problems.str() == "");
  return drawing(plan);
}

const char* const graph = R"(
[node.c]
type = "test.constant"
value = 2
[node.count]
type = "test.count"
[node.scale]
type = "test.scale"
from = { number = "count", offset = "c" }
[node.collect]
type = "test.collect"
from = "scale"
)";

}  // namespace

TEST_CASE("a drawing has a box for each node and an edge for each link, dashed for what is made once") {
  const TempFolder temp;
  const std::string dot = drawn(temp.write("numbers.toml", graph));
  for (const char* line : {"digraph \"numbers\" {\n", "  \"scale\" [label=<<b>scale</b><br/>test.scale>];\n",
                           "  \"count\" -> \"scale\" [label=\"number\"];\n",
                           "  \"c\" -> \"scale\" [label=\"number\", style=dashed];\n",
                           "  \"scale\" -> \"collect\" [label=\"number\"];\n"}) {
    CAPTURE(line);
    CHECK(dot.find(line) != std::string::npos);
  }
}

TEST_CASE("Graphviz reads a drawing, whatever the names in it") {
  const TempFolder temp;
  std::string dot = drawn(temp.write("a \"b\" & <c> \\d.toml", graph));
  CHECK(dot.starts_with("digraph \"a \\\"b\\\" & <c> \\\\d\" {\n"));

  NodeInfo odd;
  odd.type = "a<b> & \"c\"";
  Plan plan;
  plan.graph_name = "odd";
  plan.nodes.emplace_back();
  plan.nodes[0].name = "n";
  plan.nodes[0].info = &odd;
  CHECK(drawing(plan).find("[label=<<b>n</b><br/>a&lt;b&gt; &amp; \"c\">];\n") != std::string::npos);

  const std::string folder = "cd '" + temp.path.string() + "' && ";
  if (std::system("command -v dot >/dev/null") != 0) {
    MESSAGE("skipped in part: Graphviz is not installed");
    return;
  }
  temp.write("file.dot", dot);
  temp.write("odd.dot", drawing(plan));
  CHECK(std::system((folder + "dot -Tsvg file.dot >file.svg 2>errors && dot -Tsvg odd.dot >odd.svg 2>>errors")
                        .c_str()) == 0);
  CHECK(read_file(temp.path / "errors") == "");
  CHECK(read_file(temp.path / "file.svg").find(">test.scale</text>") != std::string::npos);
  CHECK(read_file(temp.path / "odd.svg").find("a&lt;b&gt; &amp; &quot;c&quot;") != std::string::npos);
}
