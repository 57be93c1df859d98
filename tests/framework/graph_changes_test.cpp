#include "graph_changes.h"

#include <doctest/doctest.h>

using namespace twinflow;

namespace {

/// What differs, line by line; what does not matter is in brackets.
std::string changes(const std::string& before, const std::string& now) {
  std::string all;
  for (const Change& one : graph_changes(before, now))
    all += (one.matters ? one.text : "(" + one.text + ")") + "\n";
  return all;
}

const char* const graph = R"([run]
seed = 1
epochs = 2

[node.a]
type = "t.a"
size = 3
rate = 0.1
step = { type = "sgd", rate = 0.5, decay = [0.1, 0.2] }

[node.b]
type = "t.b"
from = { left = "a", right = "a.other" }
layer = [{ type = "dense", units = 4 }, { type = "relu" }]
)";

std::string with(const std::string& old, const std::string& now) {
  std::string changed = graph;
  const auto at = changed.find(old);
  REQUIRE(at != std::string::npos);
  return changed.replace(at, old.size(), now);
}

}  // namespace

TEST_CASE("a graph is the same in any order") {
  CHECK(changes(graph, graph) == "");
  CHECK(changes(graph, with("size = 3\nrate = 0.1", "rate = 0.1\nsize = 3")) == "");
  CHECK(changes("[node.a]\nx = 1\n[node.b]\ny = 2\n", "[node.b]\ny = 2\n[node.a]\nx = 1\n") == "");
  CHECK(changes(graph, with("left = \"a\", right = \"a.other\"", "right = \"a.other\", left = \"a\"")) == "");
}

TEST_CASE("what differs is shown by its smallest part") {
  CHECK(changes(graph, with("size = 3", "size = 4")) == "a.size: 3 -> 4\n");
  CHECK(changes(graph, with("size = 3\n", "")) == "a.size: 3 -> (none)\n");
  CHECK(changes(with("size = 3\n", ""), graph) == "a.size: (none) -> 3\n");
  CHECK(changes(graph, with("rate = 0.5", "rate = 0.25")) == "a.step.rate: 0.5 -> 0.25\n");
  CHECK(changes(graph, with("[0.1, 0.2]", "[0.1, 0.3]")) == "a.step.decay[1]: 0.2 -> 0.3\n");
  CHECK(changes(graph, with("[0.1, 0.2]", "[0.1]")) == "a.step.decay: [0.1, 0.2] -> [0.1]\n");
  CHECK(changes(graph, with("\"sgd\", rate = 0.5, decay = [0.1, 0.2]", "\"adam\"")) ==
        "a.step: { type = \"sgd\", rate = 0.5, decay = [0.1, 0.2] } -> { type = \"adam\" }\n");
  CHECK(changes(graph, with("units = 4", "units = 5")) == "b.layer[0].units: 4 -> 5\n");
  CHECK(changes(graph, with("a.other", "a.out")) == "b.from.right: \"a.other\" -> \"a.out\"\n");
}

TEST_CASE("nodes that are new, gone or of another type are told as such") {
  CHECK(changes(graph, with("\"t.a\"", "\"t.c\"")) == "a.type: \"t.a\" -> \"t.c\"\n");
  CHECK(changes(graph, with("[node.b]", "[node.c]")) == "b: removed, a t.b\nc: added, a t.b\n");
}

TEST_CASE("how long to go on, what to show and when to save never matter; the seed does") {
  for (const char* harmless :
       {"epochs = 9", "epochs = \"unlimited\"", "epochs = 2\nprogress = [\"a.loss\"]",
        "epochs = 2\nsave_every = 0", "epochs = 2\nplugins = [\"/x.so\"]", "epochs = 2\nmax_time = 60.0",
        "epochs = 2\nmax_steps = 1000", "epochs = 2\nsave_steps = 10", "epochs = 2\nsave_minutes = 10.0"}) {
    CAPTURE(harmless);
    const std::string found = changes(graph, with("epochs = 2", harmless));
    CHECK(found.starts_with("(run."));
    CHECK(found.find('\n') == found.size() - 1);
  }
  CHECK(changes(graph, with("seed = 1", "seed = 2")) == "run.seed: 1 -> 2\n");
  CHECK(changes(graph, with("epochs = 2", "epochs = 2\nsteps_per_epoch = 5")) ==
        "run.steps_per_epoch: (none) -> 5\n");
}

TEST_CASE("a saved graph that is none is refused") { CHECK_THROWS_AS(graph_changes("[run", graph), Error); }
