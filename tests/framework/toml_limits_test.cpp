// Graph files as nobody writes them by hand: they end in a sentence, never in a crash, and soon.

#include "toml_limits.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "contains.h"
#include "graph_file.h"
#include "temp_folder.h"

using namespace twinflow;

namespace {

/// The problem of a text, and where it is; "" when there is none.
std::string problem_of(const std::string& toml) {
  Problems problems;
  parse_toml(toml, "g.toml", "", problems);
  if (problems.empty()) return "";
  REQUIRE(problems.size() == 1);
  const std::string text = problems.str();
  return text.substr(0, text.find('\n'));
}

std::string repeated(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

const std::string too_deep =
    "this is nested too deep: at most 300 tables, lists and parts of a dotted key lie inside of each other";

}  // namespace

TEST_CASE("toml limits: dots in a key") {
  const std::string dots = repeated(40'000, "a.");
  CHECK(problem_of(dots + "a = 1") == "g.toml:1:602: error: " + too_deep);
  CHECK(problem_of("x = 1\n[" + dots + "a]") == "g.toml:2:601: error: " + too_deep);
  CHECK(problem_of("[[" + dots + "a]]") == "g.toml:1:600: error: " + too_deep);
  CHECK(problem_of("x = { " + dots + "a = 1 }") == "g.toml:1:606: error: " + too_deep);
  CHECK(problem_of("\"ä\".\"b.c\".d = 1.5  # " + dots + "\n" + repeated(250, "a.") + "a = 1") == "");
  CHECK(problem_of("x = [" + repeated(5'000, "0.5, ") + "]\ny = '" + dots.substr(0, 9'000) + "'") == "");
  CHECK(problem_of("[run]\n" + repeated(5'000, "x.y = 1 # .\n")) != too_deep);  // each line by itself
}

TEST_CASE("toml limits: tables and lists inside of each other") {
  CHECK(problem_of("x = " + repeated(100'000, "[")) == "g.toml:1:305: error: " + too_deep);
  CHECK(problem_of("x = " + repeated(100'000, "{a=")) == "g.toml:1:905: error: " + too_deep);
  // Levels of dots and of brackets add up.
  CHECK(contains(problem_of(repeated(200, "{" + repeated(99, "a.") + "a = ")), too_deep));
  CHECK(problem_of("x = " + repeated(200, "[") + repeated(200, "]")) == "");
  CHECK(problem_of("x = \"" + repeated(1'000, "[") + "\"  # " + repeated(1'000, "{") + "\ny = '" +
                   repeated(1'000, "[") + "'\nz = '''\n" + repeated(1'000, "[") +
                   "''''\nq = \"\"\"\\\"\"\"\"" + " # " + repeated(1'000, "[")) == "");
  CHECK(contains(problem_of("x = '''a''''' \ny = " + repeated(1'000, "[")), "g.toml:2:305: error: "));
  CHECK(contains(problem_of("x = \"a\\\\\" \ny = " + repeated(1'000, "[")), "g.toml:2:305: error: "));
}

TEST_CASE("toml limits: lengths and numbers") {
  CHECK(problem_of("x = \"" + repeated(70'000, "y") + "\"") ==
        "g.toml:1:5: error: a string has at most 65536 bytes; this one has 70002");
  CHECK(problem_of(repeated(2'000, "y") + " = 1") ==
        "g.toml:1:1: error: a key or a value without quotes has at most 1000 characters");
  CHECK(problem_of(repeated(300, "y") + " = 1") ==
        "g.toml:1:1: error: this key has 300 bytes; at most 256 make one");
  CHECK(contains(problem_of("x = [" + repeated(1'000'001, "1,") + "]"),
                 "there are more than 1000000 values in one file"));
  CHECK(problem_of(repeated(10'000'001, "#")) ==
        "g.toml:1:1: error: this has 10000001 bytes; at most "
        "10000000 are read");
}

TEST_CASE("toml limits: a message is not as long as what it is about") {
  Problems problems;
  const Value value = parse_toml("x = [" + repeated(20'000, "0.25, ") + "]\n", "g.toml", "", problems);
  REQUIRE(problems.empty());
  const Value& last = value.find("x")->get<Value::List>()->back();
  CHECK(last.place.column == 6 + 6 * 19'999);
  problems.error(last.place, "this is " + repeated(20'000, "x"));
  const std::string text = problems.str();
  CHECK(text.size() < 10'500);
  CHECK(contains(text, "\n  ..."));
  // The caret stands below the number.
  const std::string source = text.substr(text.find('\n') + 1);
  const std::size_t caret = source.find('^') - source.find('\n') - 1;
  CHECK(source.substr(caret, 4) == "0.25");
}

TEST_CASE("toml limits: what is extended is a file of a bounded size, in a chain of a bounded length") {
  const TempFolder temp;
  const auto problem = [&](const std::string& name) {
    Problems problems;
    load_graph_file(temp.path / name, problems);
    return problems.str();
  };
  temp.write("zero.toml", "extends = \"/dev/zero\"\n");
  CHECK(contains(problem("zero.toml"),
                 "zero.toml:1:11: error: the graph file '/dev/zero' is a device, not a regular file"));
  REQUIRE(::mkfifo((temp.path / "fifo").c_str(), 0600) == 0);
  temp.write("waits.toml", "extends = \"fifo\"\n");
  CHECK(contains(problem("waits.toml"), "fifo' is a FIFO, not a regular file"));
  temp.write("folder.toml", "extends = \"..\"\n");
  CHECK(contains(problem("folder.toml"), "is a folder, not a regular file"));
  temp.write("large", repeated(10'000'001, "#"));
  temp.write("over.toml", "extends = \"large\"\n");
  CHECK(contains(problem("over.toml"), "large' is too large: at most 10000000 bytes are read"));
  for (int i = 0; i < 101; ++i)
    temp.write(std::to_string(i) + ".toml", "extends = \"" + std::to_string(i + 1) + ".toml\"\n");
  CHECK(contains(problem("0.toml"), "99.toml:1:11: error: more than 100 graph files extend each other"));
}
