// Memory that runs out at any moment ends a run with an error, and never the process. A program by itself: it
// replaces operator new.
#include <atomic>
#include <cstdlib>
#include <new>

#include "framework/run_graph.h"

namespace {

std::atomic<bool> armed{false};
std::atomic<long> count{0}, fail_from{0}, fail_to{0};  // of allocations since it was armed

bool fails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  const long now = count++;
  return now >= fail_from && now < fail_to;
}

/// Memory is scarce from its sixth item until its epoch ends, or it is closed. Before and after, JSON is
/// written, whose library ends the process when its destructors get no memory.
class Scarce final : public Sink<test_nodes::Number> {
 public:
  static void describe(NodeSpec<Scarce>& spec) { spec.summary("Takes the memory away."); }
  void process(test_nodes::Number, const Item& item) override {
    if (item.index == 5) armed = true;
  }
  void finish_epoch(const Item&) override { armed = false; }
  void close() override {
    armed = false;
    ++closed;
  }
  static inline int closed = 0;
};

constexpr const char* graph = R"([run]
epochs = 1
steps_per_epoch = 60
[node.count]
type = "test.count"
[node.scale]
type = "test.scale"
from = "count"
[node.late]
type = "test.delay"
from = "scale"
[node.both]
type = "test.subtract"
from = { left = "scale", right = "late" }
[node.scarce]
type = "test.scarce"
from = "both"
)";

/// Runs the graph while those allocations of all threads fail, counted from where memory is scarce.
ExitCode run_without(const TempFolder& temp, long from, long to) {
  count = 0;
  fail_from = from;
  fail_to = to;
  const ExitCode code = run_graph(graph, temp, {.threads = 4}).code;
  REQUIRE(!armed);
  return code;
}

}  // namespace

namespace test_nodes {
TWINFLOW_NODE("test.count", Count)
TWINFLOW_NODE("test.scale", Scale)
TWINFLOW_NODE("test.delay", Delay)
TWINFLOW_NODE("test.subtract", Subtract)
TWINFLOW_NODE("test.scarce", Scarce)
}  // namespace test_nodes

// Not inlined: GCC warns of what is allocated by new and given to free().
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* const room = fails() ? nullptr : std::malloc(size > 0 ? size : 1);
  if (!room) throw std::bad_alloc();
  return room;
}
[[gnu::noinline]] void operator delete(void* room) noexcept { std::free(room); }
[[gnu::noinline]] void operator delete(void* room, std::size_t) noexcept { std::free(room); }

#ifdef __SANITIZE_ADDRESS__
// What the sanitizer's own operator new has allocated, in libraries, may come to this operator delete.
extern "C" const char* __asan_default_options() { return "alloc_dealloc_mismatch=0"; }
#endif

TEST_CASE("whichever allocation fails, alone or with those that follow, the run ends by itself") {
  const TempFolder temp;
  REQUIRE(run_without(temp, 0, 0) == finished);
  const long all = count;
  int failures = 0;
  constexpr long points = 150;
  for (long i = 0; i < points; ++i) {
    const long from = all * i / points;
    CAPTURE(from);
    Scarce::closed = 0;
    const ExitCode code = run_without(temp, from, from + (i % 2 == 0 ? 1 : 1000));
    CHECK((code == finished || code == failed));
    CHECK(Scarce::closed == 1);
    failures += code == failed;
    if (code == failed) CHECK(result(temp.path / "run")["status"] == "failed");
  }
  CHECK(failures > points / 2);
  CHECK(run_without(temp, 0, 0) == finished);
}
