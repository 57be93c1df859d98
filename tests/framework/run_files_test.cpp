#include "run_files.h"

#include <doctest/doctest.h>

#include "contains.h"
#include "temp_folder.h"
#include "twinflow/plugin.h"

using namespace twinflow;

namespace {

/// Writes what a test says.
class Writes final : public Beside {
 public:
  static void describe(NodeSpec<Writes>& spec) {
    spec.summary("Names files.");
    spec.param("files", &Writes::files).doc("NAME is the node's name");
    spec.writes(&Writes::written);
  }
  void process(Inputs<>, const Item&) override {}

 private:
  std::vector<std::string> written(const std::string& node) const {
    std::vector<std::string> all = files;
    for (std::string& one : all)
      if (one.starts_with("NAME")) one.replace(0, 4, node);
    return all;
  }
  std::vector<std::string> files;
};
TWINFLOW_NODE("test.writes", Writes)

/// A node that writes NAME.table.
class Tabulates final : public Beside {
 public:
  static void describe(NodeSpec<Tabulates>& spec) {
    spec.summary("Names a file.");
    spec.writes({"NAME.table", "by_NAME-*.x"});
  }
  void process(Inputs<>, const Item&) override {}
};
TWINFLOW_NODE("test.tabulates", Tabulates)

/// The problems of a graph of such nodes.
std::string file_problems(const std::string& nodes) {
  const TempFolder temp;
  Problems problems;
  make_plan(temp.write("graph.toml",
                       "[node.count]\ntype = \"test.count\"\n[node.all]\ntype = "
                       "\"test.collect\"\nfrom = \"count\"\n" +
                           nodes),
            {}, problems);
  return problems.str();
}

std::string writing(const std::string& name, const std::string& files) {
  return "[node." + name + "]\ntype = \"test.writes\"\nfiles = [" + files + "]\n";
}

}  // namespace

TEST_CASE("two patterns meet where some name fits both") {
  struct {
    const char *one, *other;
    bool meet;
  } const cases[] = {{"a", "a", true},
                     {"a", "b", false},
                     {"a", "ab", false},
                     {"", "", true},
                     {"", "*", true},
                     {"a*", "a", true},
                     {"a*", "*b", true},
                     {"a*c", "ab", false},
                     {"a-*.x", "a-b-*.x", true},
                     {"a-*.x", "b-*.x", false},
                     {"a-*.x", "a-*.y", false},
                     {"*a*", "b*c", true},
                     {"best-step-*.x", "best-step-3.x", true},
                     {"best-step-*.x", "best-last.x", false},
                     {"***************************a", "b***************************", true}};
  for (const auto& one : cases) {
    CAPTURE(one.one);
    CAPTURE(one.other);
    CHECK(patterns_meet(one.one, one.other) == one.meet);
    CHECK(patterns_meet(one.other, one.one) == one.meet);
  }
}

TEST_CASE("each file of the run directory has one owner") {
  CHECK(file_problems(writing("a", R"("NAME.x", "NAME-*.x")") + writing("b", R"("NAME.x", "NAME-*.x")")) ==
        "");
  const std::string twice = file_problems(writing("a", R"("x.png")") + writing("b", R"("x.png")"));
  CHECK(contains(twice, "graph.toml:9:"));
  CHECK(contains(twice,
                 "node 'b' (test.writes) would write 'x.png' in the run directory, which node 'a' "
                 "(test.writes) writes: give the node another name, or another file"));
  CHECK(
      contains(file_problems(writing("a", R"("NAME-*.x")") + writing("a-b", R"("NAME-*.x")")),
               "would write 'a-b-*.x' in the run directory, which node 'a' (test.writes) writes as 'a-*.x'"));
  CHECK(contains(file_problems(writing("a", R"("NAME.x")") + writing("A", R"("NAME.x")")),
                 "which node 'a' (test.writes) writes as 'a.x'"));
  CHECK(contains(file_problems(writing("a", R"("NAME.x", "a.x")")), "which it also writes"));
  CHECK(contains(file_problems(writing("a", R"("b.table")") + "[node.b]\ntype = \"test.tabulates\"\n"),
                 "node 'b' (test.tabulates) would write 'b.table' in the run directory, which node 'a'"));
  CHECK(contains(file_problems(writing("a", R"("by_b-7.x")") + "[node.b]\ntype = \"test.tabulates\"\n"),
                 "would write 'by_b-*.x'"));
}

TEST_CASE("no node writes the run's own files, or what no file can be called") {
  for (const char* own : {"graph.toml", "metrics.jsonl", "log.txt", "result.json", "state.safetensors",
                          "state.previous.safetensors", "state.next.safetensors", ".lock", "x.tmp", "x.part",
                          "State.SafeTensors"}) {
    CAPTURE(own);
    CHECK(
        contains(file_problems(writing("a", "\"" + std::string(own) + "\"")),
                 "would write '" + std::string(own) + "' in the run directory, which the run itself writes"));
  }
  CHECK(contains(file_problems(writing("state", R"("NAME.safetensors")")),
                 "node 'state' (test.writes) would write 'state.safetensors' in the run directory, which the "
                 "run itself writes: give the node another name, or another file"));
  CHECK(contains(file_problems(writing("a", R"("../x")")),
                 "node 'a' (test.writes) would write '../x', which leads out of the run directory"));
  CHECK(contains(file_problems(writing("a", R"("..")")), "which is not the name of a file"));
  CHECK(contains(file_problems(writing(std::string(250, 'n'), R"("NAME.x")")),
                 ".x', which is too long for a file: 251 bytes are the most"));
  CHECK(file_problems(writing(std::string(249, 'n'), R"("NAME.x")")) == "");
}
