#include "twinflow/param.h"

#include <doctest/doctest.h>

#include "graph_file.h"
#include "reference.h"
#include "schema.h"
#include "twinflow/spec.h"

using namespace twinflow;

namespace {

/// A table with the kinds of parameter that the test nodes do without.
struct Draws {
  Around<0> turn;
  Around<1> zoom;
  std::optional<double> chance;

  static void describe(TableSpec<Draws>& spec) {
    spec.name("draws");
    spec.param("turn", &Draws::turn).unit("degrees").range(-360, 180).doc("range of turns");
    spec.param("zoom", &Draws::zoom).range(0.01, 100).doc("range of zooms");
    spec.param("chance", &Draws::chance).range(0, 1).doc("how often");
  }
};

Draws read(const std::string& toml) {
  Problems problems;
  const Value table = parse_toml(toml, "draws", "", problems);
  Draws made;
  read_table(table_info<Draws>(), &made, table, problems);
  CHECK(problems.str() == "");
  return made;
}

std::vector<std::string> wrong(const std::string& toml) {
  Problems problems;
  const Value table = parse_toml(toml, "draws", "", problems);
  Draws made;
  read_table(table_info<Draws>(), &made, table, problems);
  std::vector<std::string> all;
  for (const auto& problem : problems.list()) all.push_back(problem.message);
  return all;
}

using Messages = std::vector<std::string>;

}  // namespace

TEST_CASE("a range around a centre: one number is the half of it, two are its ends") {
  CHECK(read("").turn.low == 0);
  CHECK(read("").zoom.high == 1);
  CHECK(read("turn = 30").turn.low == -30);
  CHECK(read("turn = 30").turn.high == 30);
  CHECK(read("zoom = 0.25").zoom.low == 0.75);
  CHECK(read("zoom = 0.25").zoom.high == 1.25);
  CHECK(read("turn = [5, 10.5]").turn.low == 5);
  CHECK(read("turn = [5, 10.5]").turn.high == 10.5);
}

TEST_CASE("a range around a centre is written out as its ends") {
  CHECK(ParamType<Draws>::text(read("turn = 30")) == "{ turn = [-30.0, 30.0], zoom = [1.0, 1.0] }");
  CHECK(ParamType<Draws>::text(read("zoom = 0.25")) == "{ turn = [0.0, 0.0], zoom = [0.75, 1.25] }");
}

TEST_CASE("what is wrong with a range around a centre is said once") {
  CHECK(wrong("turn = 200") ==
        Messages{"'turn' is 200 (200 means [-200, 200]), out of range: -360 to 180 degrees"});
  CHECK(wrong("turn = 400") ==
        Messages{"'turn' is 400 (400 means [-400, 400]), out of range: -360 to 180 degrees"});
  CHECK(wrong("zoom = 1.5") == Messages{"'zoom' is -0.5 (1.5 means [-0.5, 2.5]), out of range: 0.01 to 100"});
  CHECK(wrong("zoom = 1.2") == Messages{"'zoom' is -0.2 (1.2 means [-0.2, 2.2]), out of range: 0.01 to 100"});
  CHECK(wrong("turn = [-400, 200]") == Messages{"'turn' is -400, out of range: -360 to 180 degrees",
                                                "'turn' is 200, out of range: -360 to 180 degrees"});
  CHECK(wrong("turn = [3, 2]") == Messages{"the low end 3.0 is above the high end 2.0"});
  CHECK(wrong("turn = -3") ==
        Messages{"one number is the half of a range and may not be negative, found -3.0"});
  CHECK(wrong("turn = nan") == Messages{"expected a finite number"});
  CHECK(wrong("turn = [1]") == Messages{"expected [number, number], or r for [-r, r], found a list of 1"});
  CHECK(wrong("zoom = \"a\"") == Messages{"expected [number, number], or r for [1-r, 1+r], found a string"});
  CHECK(wrong("zoom = [\"a\", 1]") == Messages{"expected a number, found a string"});
}

TEST_CASE("what need not be given is not there, or what it holds") {
  CHECK(!read("").chance);
  CHECK(read("chance = 0.5").chance == 0.5);
  CHECK(ParamType<Draws>::text(read("chance = 0.5")) ==
        "{ turn = [0.0, 0.0], zoom = [1.0, 1.0], chance = 0.5 }");
  CHECK(wrong("chance = 2") == Messages{"'chance' is 2, out of range: 0 to 1"});
  CHECK(wrong("chance = true") == Messages{"expected a number, found a boolean"});
}

TEST_CASE("references and schemas show ranges around a centre, and what need not be given") {
  const TypeInfo& info = table_info<Draws>();
  const std::string text = type_text(info, {&info});
  CHECK(
      text.find("  turn                        [number, number], or r for [-r, r], default [0.0, 0.0], -360 "
                "to 180 degrees\n") != text.npos);
  CHECK(text.find("  zoom                        [number, number], or r for [1-r, 1+r], default [1.0, 1.0], "
                  "0.01 to 100\n") != text.npos);
  CHECK(text.find("  chance                      number, 0 to 1\n") != text.npos);
  CHECK(markdown({&info}).find("| `turn` | `[number, number], or r for [-r, r]` | `[0.0, 0.0]` |") !=
        std::string::npos);

  const auto properties = graph_schema({&info})["definitions"]["table.draws"]["properties"];
  CHECK(properties["turn"] ==
        nlohmann::ordered_json{{"type", {"number", "array"}},
                               {"minimum", 0},
                               {"maximum", 180},
                               {"items", {{"type", "number"}, {"minimum", -360}, {"maximum", 180}}},
                               {"minItems", 2},
                               {"maxItems", 2},
                               {"description", "range of turns; -360 to 180 degrees"},
                               {"default", {0.0, 0.0}}});
  CHECK(properties["zoom"]["maximum"] == 0.99);
  CHECK(properties["chance"]["type"] == "number");
  CHECK(!properties["chance"].contains("default"));
}

TEST_CASE("a value is read from the text that was written of it, wherever that comes from") {
  const Draws made = read_text<Draws>("{ turn = [-30.0, 30.0], chance = 0.5 }", "its text");
  CHECK(made.turn.low == -30);
  CHECK(made.chance == 0.5);
  CHECK(read_text<std::vector<std::int64_t>>("[1,\n 2] # two", "x") == std::vector<std::int64_t>{1, 2});
  const auto failure = [](const std::string& text) {
    try {
      read_text<Draws>(text, "its text");
      return std::string("none");
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  CHECK(failure("{ turn = 400 }") ==
        "its text: 'turn' is 400 (400 means [-400, 400]), out of range: -360 to 180 degrees");
  CHECK(failure("7") == "its text: expected a table, found an integer");
  CHECK(failure("{}\nother = 3") == "its text: it is not one value");
  CHECK(failure("{").starts_with("its text: "));
  CHECK(failure(std::string(5000, '[')).find("nested") != std::string::npos);
  std::string dots = "{a";
  for (int i = 0; i < 9999; ++i) dots += ".a";
  CHECK(failure(dots + " = 1}").starts_with("its text: this is nested too deep: at most 300 "));
}

namespace {

struct Names {
  std::string name;
  std::filesystem::path file;

  static void describe(TableSpec<Names>& spec) {
    spec.param("name", &Names::name);
    spec.param("file", &Names::file);
  }
};

/// The table with that --set argument, and what is wrong with it.
std::pair<Names, std::string> set(const std::string& argument) {
  Problems problems;
  Value graph = parse_toml("[node.n]", "g.toml", "", problems);
  apply_override(graph, argument, problems);
  Names names;
  if (problems.empty()) read_table(table_info<Names>(), &names, *graph.find("node")->find("n"), problems);
  std::string text = problems.str();
  return {names, text.substr(0, text.find('\n'))};
}

}  // namespace

TEST_CASE("a string that is written as a number is told how to write it") {
  CHECK(set("n.name=2024").second ==
        "--set:1:8: error: expected a string, found an integer; write it in quotes, "
        "and all in quotes of the shell: --set 'node.parameter=\"...\"'");
  CHECK(set("n.name=\"2024\"").first.name == "2024");
  CHECK(set("n.file=1e3")
            .second.find("expected a path, as a string, found a number with a fraction; write it in "
                         "quotes, and") != std::string::npos);
  CHECK(set("n.file=[\"a\"]").second == "--set:1:8: error: expected a path, as a string, found a list");
  Problems problems;
  Names names;
  const Value table = parse_toml("name = true", "g.toml", "", problems);
  read_table(table_info<Names>(), &names, table, problems);
  CHECK(problems.list().front().message == "expected a string, found a boolean; write it in quotes");
}

TEST_CASE("an integer of more than 64 bits is called too large") {
  for (const char* number : {"99999999999999999999", "-99999999999999999999", "9223372036854775808"})
    CHECK(set("n.name=" + std::string(number)).second.find("is not representable in 64 bits") !=
          std::string::npos);
  CHECK(set("n.name=00000000000000000000").first.name == "00000000000000000000");
}

TEST_CASE("paths may have any bytes, and their text gives them back") {
  const auto [names, problem] = set("n.file=/x/bilder_\xe4");
  CHECK(problem == "");
  CHECK(names.file.native() == "/x/bilder_\xe4");
  const std::string text = ParamType<std::filesystem::path>::text(names.file);
  CHECK(text == "\"file:///x/bilder_%E4\"");
  CHECK(read_text<std::filesystem::path>(text, "x") == names.file);
  CHECK(set("n.file=file:///x/bilder_%E4").first.file == names.file);
  CHECK(
      set("n.file=file:///x%").second ==
      "--set:1:8: error: 'file:///x%' is not the URI of a file, such as file:///home/me/photos%20of%20cats");
  CHECK(set("n.file=\"~/a\"").first.file.native().starts_with('/'));
  CHECK(set("n.name=gr\xfcn").second == "--set:1:8: error: 'gr\\xfcn' is not UTF-8");
}
