#include "reference.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "contains.h"
#include "framework/test_nodes.h"
#include "registry.h"

using namespace twinflow;

namespace {

Types types() { return Registry::instance().loaded(); }

std::string shown(const std::string& kind, const std::string& type) {
  return type_text(*Registry::instance().find(kind, type), types());
}

/// A type that is in no registry, to show what is rare.
struct Odd {
  std::string text = "a|b";
  static void describe(TableSpec<Odd>& spec) {
    spec.name("odd").summary("Has <angles> and *stars*.");
    spec.param("text", &Odd::text).doc("one | two,\nin [brackets], as `code`");
  }
};

}  // namespace

TEST_CASE("a node's text has its ports, metrics and parameters with all that is declared of them") {
  CHECK(shown("node", "test.scale") ==
        "node 'test.scale'\n"
        "  Multiplies by a factor.\n"
        "\n"
        "Ports\n"
        "  input   number              number\n"
        "  input   offset              number, made once, optional\n"
        "  output  out                 number\n"
        "\n"
        "Parameters\n"
        "  factor                      number, default 1.0, -10 to 10 apples\n"
        "                              what to multiply by\n"
        "  jitter                      [number, number], default [0.0, 0.0], 0 to 1\n"
        "                              range of a random addend\n"
        "  rounding                    \"none\" | \"down\", default \"none\"\n"
        "  weights                     list of integer, default [], at least 0\n"
        "                              a list\n");
  CHECK(contains(shown("node", "test.constant"), "  value                       number, required\n"));
  CHECK(contains(shown("node", "test.sum"), "\nMetrics\n  sum "));
}

TEST_CASE("a nested table is shown with its own parameters, a component with the types of its family") {
  const std::string text = shown("node", "test.recipe");
  CHECK(contains(text,
                 "  stage                       list of table, default []\n"
                 "                              one after the other\n"
                 "    curve                       curve, default { type = \"line\", slope = 1.0 }\n"
                 "                                goes first\n"
                 "                                one of: line, square\n"
                 "    add                         number, required, -1000 to 1000\n"));
  CHECK(contains(text,
                 "  last                        table\n"
                 "                              after all others\n"
                 "    curve  "));
}

TEST_CASE("a component's text says who takes it") {
  struct Taker final : TypeInfo {
    Taker() {
      kind = "node", type = "test.taker";
      params.push_back({});
      params[0].key = "curves";
      params[0].shape.kind = ValueShape::Kind::list;
      params[0].shape.element =
          std::make_shared<ValueShape>(ParamType<std::shared_ptr<const test_nodes::Curve>>::shape());
    }
  } const taker;
  const TypeInfo& line = *Registry::instance().find("curve", "line");
  CHECK(contains(type_text(line, {&line, &taker}), "\n  Goes into test.taker (curves).\n"));
  CHECK(!contains(type_text(line, {&line}), "Goes into"));
}

TEST_CASE("an example is shown as it is to be pasted") {
  TypeInfo info;
  info.kind = "curve", info.type = "odd", info.example = "[node.a]\n\n[node.b]";
  CHECK(contains(type_text(info, {}), "\nExample\n  [node.a]\n\n  [node.b]\n"));
  CHECK(contains(markdown({&info}), "\n```toml\n[node.a]\n\n[node.b]\n```\n"));
}

TEST_CASE("the list has every type under its kind") {
  const std::string list = list_text(types());
  CHECK(contains("\n" + list, "\ncurve\n  line                A straight line through 0.\n"));
  CHECK(contains(list, "\nnode\n"));
  CHECK(contains(list, "\n  test.scale          Multiplies by a factor.\n"));
}

TEST_CASE("Markdown has every type, and tables whose rows have as many cells as their heads") {
  const std::string all = markdown(types());
  for (const TypeInfo* info : types()) CHECK(contains(all, "\n### `" + info->type + "`\n"));
  CHECK(contains(all, "\n### `[run]`\n"));
  CHECK(contains(all,
                 "| `stage.curve` | `curve` | `{ type = \"line\", slope = 1.0 }` |  | goes first (one of: "
                 "line, square) |"));
  CHECK(contains(all, "| `\"none\" \\| \"down\"` |"));
  std::istringstream lines(all);
  std::ptrdiff_t columns = 0;
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    std::ptrdiff_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i) bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    if (!line.starts_with("|")) {
      columns = 0;
      continue;
    }
    if (columns == 0) columns = bars;
    CAPTURE(line);
    CHECK(bars == columns);
    CHECK(line.ends_with("|"));
    ++rows;
  }
  CHECK(rows > 20);
}

TEST_CASE("what Markdown would read as its own is escaped") {
  const std::string all = markdown({&table_info<Odd>()});
  CHECK(contains(all, "\nHas \\<angles> and \\*stars\\*.\n"));
  CHECK(contains(all, "| `text` | `string` | `\"a\\|b\"` |  | one \\| two, in \\[brackets], as `code` |\n"));
}

TEST_CASE("libraries are listed with what they say and offer, or with the reason of their refusal") {
  PluginLibrary good;
  good.file = "/a/good.so";
  good.types = {{"node", "good.b"}, {"loss", "best"}, {"node", "good.a"}};
  good.loaded = good.unoptimised = true;
  good.name = "good", good.version = "1.2.0", good.author = "A. Author", good.description = "Does good.";
  PluginLibrary bad;
  bad.file = "/b/bad.so";
  bad.refusal = "'/b/bad.so' cannot be used: it is not a shared library of this system";
  CHECK(libraries_text({good, bad}, {"/a", "/b"}) ==
        "Searched\n  /a\n  /b\n"
        "\n/a/good.so\n  good 1.2.0, by A. Author\n  Does good.\n"
        "  loss        best\n  node        good.a, good.b\n"
        "  slow: it was built without optimisation; build it with -DCMAKE_BUILD_TYPE=Release\n"
        "\n/b/bad.so\n  refused: '/b/bad.so' cannot be used: it is not a shared library of this system\n");
}
