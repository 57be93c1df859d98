// Any bytes as a graph file, and as --set arguments: what follows each zero byte is one, of at most 16. They
// become a plan or problems, each with a place that is in its text, and nothing but an Error is thrown. A
// plan's resolved graph reads back as itself.
#include <algorithm>

#include "framework/test_nodes.h"
#include "fuzz.h"
#include "plan.h"

using namespace twinflow;

namespace test_nodes {
TWINFLOW_NODE("test.count", Count)
TWINFLOW_NODE("test.constant", Constant)
TWINFLOW_NODE("test.scale", Scale)
TWINFLOW_NODE("test.pass", Pass)
TWINFLOW_NODE("test.subtract", Subtract)
TWINFLOW_NODE("test.sum", Sum)
TWINFLOW_NODE("test.collect", Collect)
TWINFLOW_NODE("test.watch", Watch)
}  // namespace test_nodes

namespace {

void check_places(const Problems& problems) {
  for (const Problems::Problem& one : problems.list()) {
    const Place& place = one.place;
    demand(place.text != nullptr, "a problem has no text: " + one.message);
    const auto lines = static_cast<int>(place.text->lines.size());
    // What is missing at the end of a text stands one behind it.
    demand(place.line >= 1 && place.line <= lines + 1, "a problem's line is not in its text: " + place.str());
    const std::string line = place.line <= lines ? place.text->lines[place.line - 1] : "";
    const auto characters =
        std::count_if(line.begin(), line.end(), [](char one) { return (one & 0xC0) != 0x80; });
    demand(place.column >= 1 && place.column <= characters + 1,
           "a problem's column is not in its line: " + place.str());
    demand(!one.message.empty(), "a problem says nothing");
  }
  demand(problems.list().empty() == problems.str().empty(), "problems are printed when there are some");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string input = text_of(bytes, size);
  std::vector<std::string> overrides;
  for (std::size_t zero; overrides.size() < 16 && (zero = input.rfind('\0')) != std::string::npos;
       input.resize(zero))
    overrides.insert(overrides.begin(), input.substr(zero + 1));
  try {
    Problems problems;
    const Plan plan = make_plan(temp_folder().write("graph.toml", input), overrides, problems);
    check_places(problems);
    if (!problems.empty()) return 0;
    const Plan again = make_plan(temp_folder().write("again.toml", plan.resolved_toml), {}, problems);
    demand(problems.empty(), "the resolved graph is refused:\n" + plan.resolved_toml + problems.str());
    demand(again.resolved_toml == plan.resolved_toml,
           "the resolved graph resolves to another:\n" + plan.resolved_toml + again.resolved_toml);
  } catch (const Error&) {
  }
  return 0;
}
