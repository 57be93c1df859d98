#include "memory_ledger.h"

#include <doctest/doctest.h>

#include "contains.h"
#include "error_of.h"
#include "run_graph.h"

using namespace twinflow;

namespace {

std::uint64_t told_in_open = 0;  // bytes

/// Gives out batches of `images` images of 1 x 10 x 10, and says how large they are.
class Batches final : public Source<ImageBatch>, public CountsMemory {
 public:
  static void describe(NodeSpec<Batches>& spec) {
    spec.summary("Batches of a known size.");
    spec.param("images", &Batches::images).doc("of a batch");
    spec.image_shape(&Batches::shape);
    spec.output("out");
  }
  std::optional<ImageShape> shape(std::optional<ImageShape>) const { return {{1, 10, 10}}; }
  void count_memory(MemoryNeed& need) override {
    need.gives_batch = images;
    need.gives_model = {7e6, 9e6, 16};
  }
  ImageBatch make(const Item&) const override {
    return {Images(images, 1, 10, 10), std::vector<std::int32_t>(images)};
  }

 private:
  std::size_t images = 10;
};

/// Holds what its parameters say.
class Holder final : public Sink<ImageBatch>, public CountsMemory {
 public:
  static void describe(NodeSpec<Holder>& spec) {
    spec.summary("Says that it holds memory.");
    spec.param("megabytes", &Holder::megabytes).doc("in all");
    spec.input("in");
  }
  void count_memory(MemoryNeed& need) override {
    last = need;
    if (megabytes < 0) throw Error("less than nothing is asked for");
    need.hold("an array", 1e6 * megabytes, "fewer megabytes");
    need.hold("nothing", 0);
  }
  void open() override {
    if (told_in_open > 0)
      will_hold(run(), name(), {"a table", static_cast<double>(told_in_open), "a smaller table"});
    opened = true;
  }
  void process(ImageBatch, const Item&) override {}

  static inline MemoryNeed last;
  static inline bool opened = false;

 private:
  double megabytes = 0;
};

TWINFLOW_NODE("test.batches", Batches)
TWINFLOW_NODE("test.holder", Holder)

const std::string graph = R"(
[run]
epochs = 1
steps_per_epoch = 2
[node.batches]
type = "test.batches"
images = 1000
[node.holder]
type = "test.holder"
from = "batches"
megabytes = 500
)";

std::string asked(double left, MemoryLedger::Conditions conditions, double* sum = nullptr) {
  const TempFolder temp;
  Problems problems;
  const Plan plan = make_plan(temp.write("graph.toml", graph), {}, problems);
  REQUIRE(problems.str() == "");
  MemoryLedger ledger({left, "the machine has little"}, conditions);
  const std::string error = error_of([&] {
    ledger.ask(plan, {}, [](std::size_t, const std::function<void()>& code) { return code(), true; });
  });
  if (sum) *sum = ledger.sum();
  return error;
}

}  // namespace

TEST_CASE(
    "nodes are asked what they hold, upstream first, and are told what the graph says of their inputs") {
  double sum = 0;
  CHECK(asked(1e9, {.threads = 3, .in_flight = 5, .shared = 2}, &sum) == "");
  CHECK(Holder::last.images == ImageShape{1, 10, 10});
  CHECK(Holder::last.batch == 1000);
  CHECK(Holder::last.model.bytes == 7e6);
  CHECK(Holder::last.model.in_use == 9e6);
  CHECK(Holder::last.threads == 3);
  CHECK(Holder::last.shared == 2);
  CHECK(Holder::last.left == 1e9);
  // A batch has 0.4 MB: one for each item in flight, and one for each thread that changes one.
  double alone = 0;
  asked(1e9, {.threads = 3, .in_flight = 0}, &alone);
  CHECK(sum - alone == doctest::Approx(5 * 0.4e6));
  CHECK(alone > 500e6 + 3 * 0.4e6);
}

TEST_CASE("what does not fit is one sentence with all pieces, the largest first, and what helps") {
  const std::string error = asked(0.3e9, {.threads = 1, .in_flight = 1});
  CHECK(error.starts_with("the run needs about 0.5"));
  CHECK(contains(error,
                 " GB of memory, but 0.30 GB are left (the machine has little): 0.50 GB for an array "
                 "('holder'), "));
  CHECK(contains(error, " for the program and its threads, "));
  CHECK(contains(error, " for the rest; it needs less with fewer megabytes"));
  CHECK(!contains(error, "nothing"));
}

TEST_CASE("a run that the system will slow down is told so") {
  MemoryLedger ledger({1e9, "", 1e8, "the cgroup /job slows down"}, {.threads = 1, .in_flight = 1});
  ledger.hold("one", {"an array", 0.9e8, ""});
  CHECK(ledger.slowed() == "");
  ledger.hold("two", {"another", 0.9e8, ""});
  CHECK(ledger.slowed() == "the run needs about 0.18 GB of memory, but the cgroup /job slows down");
}

TEST_CASE("a run that cannot fit ends before a node is opened; what a node tells in open() counts as well") {
  const TempFolder temp;
  Holder::opened = false;
  const Outcome all = run_graph(graph, temp, {}, {"holder.megabytes=1e12"});
  CHECK(all.code == ExitCode::failed);
  CHECK(contains(all.errors, "the run needs about "));
  CHECK(contains(all.errors, "for an array ('holder')"));
  CHECK(!Holder::opened);
  CHECK(!std::filesystem::exists(temp.path / "run"));

  const Outcome wrong = run_graph(graph, temp, {}, {"holder.megabytes=-1"});
  CHECK(wrong.code == ExitCode::failed);
  CHECK(contains(wrong.errors, ": error: node 'holder' (test.holder): less than nothing is asked for\n"));
  CHECK(contains(wrong.errors, "[node.holder]\n"));

  told_in_open = std::uint64_t{1} << 60;
  const Outcome opened = run_graph(graph, temp);
  told_in_open = 0;
  CHECK(opened.code == ExitCode::failed);
  CHECK(contains(opened.errors, "node 'holder' (test.holder): the run needs about "));
  CHECK(contains(opened.errors, "for a table ('holder')"));
  CHECK(!Holder::opened);

  CHECK(run_graph(graph, temp).code == ExitCode::finished);
  CHECK(Holder::opened);
}
