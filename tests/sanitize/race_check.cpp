// A map that counts without a lock: in a thread sanitizer build, this run has to be reported. What
// tbb_handover.cpp tells the sanitizer must not be so much that it sees no races any more.
#include "runtime.h"
#include "temp_folder.h"
#include "twinflow/plugin.h"

using namespace twinflow;

namespace {

struct Token {
  static constexpr const char* port_type = "token";
};

class Feed final : public Source<Token> {
 public:
  static void describe(NodeSpec<Feed>& spec) { spec.summary("Makes tokens."); }
  Token make(const Item&) const override { return {}; }
};

class Racing final : public Map<Token, Token> {
 public:
  static void describe(NodeSpec<Racing>& spec) { spec.summary("Breaks the promise of a const body."); }
  Token apply(Token token, const Item&) const override {
    ++count;
    return token;
  }

 private:
  mutable int count = 0;
};

class Drain final : public Sink<Token> {
 public:
  static void describe(NodeSpec<Drain>& spec) { spec.summary("Takes tokens."); }
  void process(Token, const Item&) override {}
};

TWINFLOW_NODE("race.feed", Feed)
TWINFLOW_NODE("race.racing", Racing)
TWINFLOW_NODE("race.drain", Drain)

}  // namespace

int main() {
  const TempFolder temp;
  const auto graph = temp.write("graph.toml", R"(
[run]
epochs = 1
steps_per_epoch = 20000
[node.feed]
type = "race.feed"
[node.racing]
type = "race.racing"
from = "feed"
[node.drain]
type = "race.drain"
from = "racing"
)");
  Problems problems;
  Plan plan = make_plan(graph, {}, problems);
  if (!problems.empty()) throw Error(problems.str());
  return run_plan(plan, {.output = temp.path / "run", .threads = 4});
}
