// What the runtime costs, per item and node, beside a bare tbb::flow chain: a source, three parallel maps and
// an ordered serial sink, the same bodies, threads and bound of items in flight. Both run in turn, many
// times; each figure is the best of them. Goals: at most 1.5 times the bare chain for bodies of 1
// microsecond, within 2 % for bodies of 100; `flowrun --check` under 50 ms. Run it on a quiet machine:
//   build/bin/benchmark_runtime_overhead --benchmark_counters_tabular=true
#include <benchmark/benchmark.h>
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/task_arena.h>

#include <cstdio>

#include "program.h"
#include "runtime.h"
#include "twinflow/plugin.h"

using namespace twinflow;
namespace flow = tbb::flow;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A multiplication waits for the one before: the time it takes does not depend on what else the core does.
std::uint64_t spin(std::uint64_t turns, std::uint64_t value) {
  for (; turns > 0; --turns) {
    value *= 6364136223846793005u;
    benchmark::DoNotOptimize(value);
  }
  return value;
}

double seconds_per_turn(std::uint64_t turns, int tries) {
  double best = 1;
  for (int i = 0; i < tries; ++i) {
    const auto start = Clock::now();
    benchmark::DoNotOptimize(spin(turns, 1));
    best = std::min(best, seconds_since(start) / static_cast<double>(turns));
  }
  return best;
}

struct Token {
  static constexpr const char* port_type = "token";
  std::uint64_t value = 1;
};

std::uint64_t turns = 0;  // of a body, for the chain under way

/// The steady state is timed: from the warm-up's last item at the sink to the last one. Start-up and the
/// writing of files are left out, on both sides.
constexpr std::uint64_t warm_up = 200;
std::uint64_t last_item = 0;
Clock::time_point begin;
double measured = 0;
void arrived(std::uint64_t index) {
  if (index == warm_up) begin = Clock::now();
  if (index == last_item) measured = seconds_since(begin);
}

class Feed final : public Source<Token> {
 public:
  static void describe(NodeSpec<Feed>& spec) { spec.summary("Makes tokens."); }
  Token make(const Item& item) const override { return {spin(turns, item.step)}; }
};
class Work final : public Map<Token, Token> {
 public:
  static void describe(NodeSpec<Work>& spec) { spec.summary("Spins."); }
  Token apply(Token token, const Item&) const override { return {spin(turns, token.value)}; }
};
class Drain final : public Sink<Token> {
 public:
  static void describe(NodeSpec<Drain>& spec) { spec.summary("Spins, and notes the time."); }
  void process(Token token, const Item& item) override {
    benchmark::DoNotOptimize(spin(turns, token.value));
    arrived(item.index);
  }
};
TWINFLOW_NODE("bench.feed", Feed)
TWINFLOW_NODE("bench.work", Work)
TWINFLOW_NODE("bench.drain", Drain)

constexpr int nodes = 5;
const char* const chain = R"(
[run]
epochs = 1
[node.feed]
type = "bench.feed"
[node.first]
type = "bench.work"
from = "feed"
[node.second]
type = "bench.work"
from = "first"
[node.third]
type = "bench.work"
from = "second"
[node.drain]
type = "bench.drain"
from = "third"
)";

/// Sends standard output to nowhere while it lives: a run prints its progress there.
class Silence {
 public:
  Silence() : kept_(dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    if (kept_ < 0 || !std::freopen("/dev/null", "w", stdout))
      throw std::runtime_error("cannot silence standard output");
  }
  ~Silence() {
    std::fflush(stdout);
    dup2(kept_, STDOUT_FILENO);
    close(kept_);
  }

 private:
  int kept_;
};

/// Seconds per item.
double run_twinflow(int threads, int in_flight) {
  const TempFolder temp;
  Problems problems;
  Plan plan = make_plan(temp.write("chain.toml", chain),
                        {"run.steps_per_epoch=" + std::to_string(last_item + 1)}, problems);
  if (!problems.empty()) throw Error(problems.str());
  const Silence silence;
  if (run_plan(plan, {.output = temp.path / "run", .threads = threads, .max_in_flight = in_flight}) !=
      finished)
    throw Error("the run did not finish");
  return measured / static_cast<double>(last_item - warm_up);
}

double run_bare(int threads, int in_flight) {
  struct Message {
    std::uint64_t index = 0;
    Token token;
  };
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] {
    flow::graph graph;
    std::uint64_t next = 0;
    flow::input_node<Message> items(graph, [&](tbb::flow_control& control) {
      if (next > last_item) control.stop();
      return Message{next++, {}};
    });
    flow::limiter_node<Message> bound(graph, static_cast<std::size_t>(in_flight));
    const auto work = [](const Message& message) {
      return Message{message.index, {spin(turns, message.token.value)}};
    };
    flow::function_node<Message, Message> feed(graph, flow::unlimited, work);
    flow::function_node<Message, Message> first(graph, flow::unlimited, work);
    flow::function_node<Message, Message> second(graph, flow::unlimited, work);
    flow::function_node<Message, Message> third(graph, flow::unlimited, work);
    flow::sequencer_node<Message> in_order(graph, [](const Message& message) { return message.index; });
    flow::function_node<Message, flow::continue_msg> drain(graph, flow::serial, [](const Message& message) {
      benchmark::DoNotOptimize(spin(turns, message.token.value));
      arrived(message.index);
      return flow::continue_msg();
    });
    flow::make_edge(items, bound);
    flow::make_edge(bound, feed);
    flow::make_edge(feed, first);
    flow::make_edge(first, second);
    flow::make_edge(second, third);
    flow::make_edge(third, in_order);
    flow::make_edge(in_order, drain);
    flow::make_edge(drain, bound.decrementer());
    items.activate();
    graph.wait_for_all();
  });
  return measured / static_cast<double>(last_item - warm_up);
}

/// Arguments: microseconds of a body, threads. Times are per item, in microseconds.
void chain_of_five(benchmark::State& state) {
  const double body = 1e-6 * static_cast<double>(state.range(0));
  const auto threads = static_cast<int>(state.range(1)), in_flight = threads + 2;
  turns = static_cast<std::uint64_t>(body / seconds_per_turn(1'000'000, 20) + 0.5);
  last_item = warm_up + static_cast<std::uint64_t>(0.2 / (nodes * (body + 1e-6)));
  double bare = 1e9, ours = 1e9;
  for (auto _ : state) {
    bare = std::min(bare, run_bare(threads, in_flight));
    ours = std::min(ours, run_twinflow(threads, in_flight));
  }
  // The bodies have to be as long as they claim, counted with the call, or the ratio speaks of others.
  const double taken = turns > 0 ? seconds_per_turn(turns, 2000) * static_cast<double>(turns) : 0;
  if (turns > 0 && std::abs(taken / body - 1) > 0.1) state.SkipWithError("the calibration did not hold");
  state.counters["body_us"] = 1e6 * taken;
  state.counters["bare_us"] = 1e6 * bare;
  state.counters["twinflow_us"] = 1e6 * ours;
  state.counters["over_us_per_node"] = 1e6 * (ours - bare) * threads / nodes;
  state.counters["ratio"] = ours / bare;
}
BENCHMARK(chain_of_five)
    ->ArgNames({"body_us", "threads"})
    ->ArgsProduct({{0, 1, 10, 100}, {1, tbb::info::default_concurrency()}})
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// From the start of the process, through a shell, to its end.
void check_start_up(benchmark::State& state) {
  const TempFolder temp;
  double best = 1e9;
  for (auto _ : state) {
    const auto start = Clock::now();
    const Finished check = flowrun(temp, {"--check", graph("train.toml")});
    best = std::min(best, seconds_since(start));
    if (check.exit_code != 0) state.SkipWithError(check.errors.c_str());
  }
  state.counters["best_ms"] = 1e3 * best;
}
BENCHMARK(check_start_up)->Iterations(50)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
