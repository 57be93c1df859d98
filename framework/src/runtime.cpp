#include "runtime.h"

#include <fmt/format.h>
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <deque>
#include <optional>

#include "record.h"
#include "registry.h"
#include "trace.h"

namespace twinflow {

namespace {

using Clock = std::chrono::steady_clock;
namespace flow = tbb::flow;

std::atomic<int> received_signal{0};

/// While it lives, the first SIGINT, SIGTERM or SIGUSR1 is noted; the second has its default effect.
class SignalGuard {
 public:
  SignalGuard() {
    received_signal = 0;
    struct sigaction action = {};
    action.sa_flags = SA_RESTART;  // a signal must not make writes fail
    action.sa_handler = [](int signal) {
      received_signal = signal;
      for (const int one : signals) std::signal(one, SIG_DFL);
    };
    for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &action, &old_[i]);
  }
  ~SignalGuard() {
    for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &old_[i], nullptr);
  }

 private:
  static constexpr int signals[] = {SIGINT, SIGTERM, SIGUSR1};
  struct sigaction old_[std::size(signals)];
};

struct Message {
  Item item;
  std::uint64_t sequence = 0;   // of the port that emitted it, over the run: restores order
  std::vector<Parcel> parcels;  // one; or, after a join, one for each stream input
  std::shared_ptr<void>
      ticket;  // held by every message of an item: when the last one goes, another item may start
  Clock::time_point sent;
};

/// Brings together what arrives for one item on several inputs.
struct Join {
  struct Waiting {
    Message message;  // of the first that came, with room for all parcels
    std::size_t missing = 0;
    std::vector<bool> came;  // by port
  };
  std::size_t ports = 0, connected = 0;
  std::mutex mutex;
  std::map<std::uint64_t, Waiting> waiting;  // by step
  std::deque<flow::function_node<Message, flow::continue_msg>> arrivals;
};

/// A node's place in the flow graph, with where its time goes.
struct Station {
  Join join;                                                               // several stream inputs
  std::optional<flow::function_node<Message, Message>> body;               // source, map: parallel
  std::optional<flow::sequencer_node<Message>> in_order;                   // stateful: items arrive in order,
  std::optional<flow::function_node<Message, flow::continue_msg>> serial;  // one at a time
  std::deque<flow::broadcast_node<Message>> outputs;                       // stateful: one per output,
  std::vector<std::uint64_t> emitted;                                      // and how many it sent
  std::vector<int> consumers;    // how many inputs each output feeds
  std::shared_ptr<void> ticket;  // of the item in process()
  std::atomic<std::uint64_t> items{0}, body_ns{0}, wait_ns{0}, idle_ns{0};
  double finish_seconds = 0;
  std::optional<Clock::time_point> free_since;  // stateful, within an epoch
  bool opened = false;
};

class Runtime final : public Run {
 public:
  Runtime(Plan& plan, const RunOptions& options)
      : plan_(plan),
        threads_(options.threads > 0 ? options.threads : tbb::info::default_concurrency()),
        max_in_flight_(options.max_in_flight > 0 ? options.max_in_flight : threads_ + 2),
        output_(options.output),
        trace_file_(options.trace),
        record_(plan) {
    if (!trace_file_.empty()) trace_.emplace();
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) stations_.emplace_back();
  }

  ExitCode execute() {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads_));
    tbb::task_arena arena(threads_);
    const SignalGuard signals;
    arena.execute([&] {
      open_nodes();
      if (!failure_ && received_signal == 0) guarded("", [&] { record_.create(output_); });
      if (!failure_) {
        build(graph_.emplace());  // in here: a graph belongs to the arena it is made in
        for (epoch_ = 0; epoch_ < epochs() && !ending(); ++epoch_) run_epoch(*graph_);
      }
      close_nodes();
      if (trace_) guarded("", [&] { trace_->write(trace_file_); });
    });
    return conclude();
  }

  // What nodes see.
  std::uint64_t seed() const override { return static_cast<std::uint64_t>(plan_.run.seed); }
  std::uint64_t epochs() const override { return static_cast<std::uint64_t>(plan_.run.epochs); }
  std::uint64_t steps_per_epoch() const override {
    return static_cast<std::uint64_t>(plan_.run.steps_per_epoch);
  }
  int threads() const override { return threads_; }
  const std::filesystem::path& directory() const override { return record_.directory(); }
  void report(std::string_view node, const Item& item, const Numbers& values) override {
    record_.report(node, item, values);
  }
  void say(const std::string& line) override { record_.say(line); }
  void stop(std::string reason) override {
    const std::lock_guard lock(mutex_);
    if (!stop_reason_) stop_reason_ = std::move(reason);
  }

 private:
  bool ending() {
    const std::lock_guard lock(mutex_);
    return failure_ || stop_reason_ || received_signal != 0;
  }

  /// Runs a piece of a node's code; an exception becomes the run's failure, if it is the first.
  template <class Code>
  void guarded(const std::string& who, Code&& code, const Place& place = {}) {
    std::string message;
    try {
      return code();
    } catch (const std::exception& error) {
      message = error.what();
    } catch (...) {
      message = "an exception of an unknown type";
    }
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = who.empty() ? message : fmt::format("{}: {}", who, message);
    failure_place_ = place;
    failed_ = true;
  }
  template <class Code>
  void guarded(std::size_t node, Code&& code) {
    try {
      code();
    } catch (...) {  // only now, since it takes time: who it was
      const Plan::PlannedNode& planned = plan_.nodes[node];
      const std::string who = fmt::format("node '{}' ({})", planned.name, planned.info->type);
      guarded(
          who, [] { throw; }, planned.place);
    }
  }

  void open_nodes() {
    // Made when the first node asks for it: a constant nobody uses costs nothing.
    std::map<std::pair<std::size_t, std::size_t>, Parcel> constants;
    for (std::size_t i = 0; i < plan_.nodes.size() && !failure_ && received_signal == 0; ++i) {
      Plan::PlannedNode& planned = plan_.nodes[i];
      NodeAccess::attach(*planned.node, planned.name, *this);
      for (const auto& [input, link] : planned.inputs) {
        const InputInfo& port = planned.info->inputs[input];
        if (!port.bind) continue;
        const auto key = std::pair(link.node, link.output);
        guarded(link.node, [&, &link = link] {  // clang 14 captures no structured binding
          if (!constants.contains(key))
            constants[key] =
                plan_.nodes[link.node].info->outputs[link.output].constant(*plan_.nodes[link.node].node);
        });
        if (failure_) return;
        port.bind(*planned.node, constants[key]);
      }
      stations_[i].opened = true;
      guarded(i, [&] { planned.node->open(); });
    }
  }

  void build(flow::graph& graph) {
    root_.emplace(graph);
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const NodeInfo& info = *plan_.nodes[i].info;
      Station& station = stations_[i];
      station.consumers.resize(info.outputs.size());
      if (info.shape == NodeInfo::Shape::source || info.shape == NodeInfo::Shape::map)
        station.body.emplace(graph, flow::unlimited,
                             [this, i](const Message& message) { return transform(i, message); });
      if (info.shape == NodeInfo::Shape::source) flow::make_edge(*root_, *station.body);
      if (info.shape == NodeInfo::Shape::stateful) {
        station.in_order.emplace(graph, [](const Message& message) { return message.sequence; });
        station.serial.emplace(graph, flow::serial, [this, i](const Message& message) {
          process(i, message);
          return flow::continue_msg();
        });
        flow::make_edge(*station.in_order, *station.serial);
        station.emitted.resize(info.outputs.size());
        for (std::size_t output = 0; output < info.outputs.size(); ++output)
          station.outputs.emplace_back(graph);
      }
    }
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      for (const auto& [input, link] : plan_.nodes[i].inputs) {
        if (plan_.nodes[i].info->inputs[input].bind) continue;
        Station& from = stations_[link.node];
        flow::sender<Message>& sender =
            from.body ? static_cast<flow::sender<Message>&>(*from.body) : from.outputs[link.output];
        Join& join = stations_[i].join;
        const auto& ports = plan_.nodes[i].info->inputs;
        join.ports = static_cast<std::size_t>(
            std::count_if(ports.begin(), ports.end(), [](const InputInfo& one) { return !one.bind; }));
        if (join.ports == 1) {
          flow::make_edge(sender, entrance(i));
        } else {
          ++join.connected;
          flow::make_edge(sender, join.arrivals.emplace_back(graph, flow::unlimited,
                                                             [this, i, port = input](const Message& message) {
                                                               arrive(i, port, message);
                                                               return flow::continue_msg();
                                                             }));
        }
        ++from.consumers[link.output];
      }
    }
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const auto& outputs = plan_.nodes[i].info->outputs;
      for (std::size_t output = 0; output < outputs.size(); ++output)
        if (outputs[output].connect && stations_[i].consumers[output] > 0)
          outputs[output].connect(*plan_.nodes[i].node, [this, i, output](Parcel parcel, const Item& item) {
            emit(i, output, std::move(parcel), item);
          });
    }
    graph.wait_for_all();  // an edge starts tasks of its nodes, which would outlive them if no epoch ran
  }

  flow::receiver<Message>& entrance(std::size_t node) {
    Station& station = stations_[node];
    if (station.body) return *station.body;
    return *station.in_order;
  }

  void arrive(std::size_t node, std::size_t port, const Message& message) {
    Join& join = stations_[node].join;
    Message complete;
    bool again = false;
    {
      const std::lock_guard lock(join.mutex);
      auto [waiting, first] = join.waiting.try_emplace(message.item.step);
      Message& gathered = waiting->second.message;
      if (first) {
        gathered = message;
        gathered.parcels.assign(join.ports, {});
        waiting->second.missing = join.connected;
        waiting->second.came.assign(join.ports, false);
      }
      again = waiting->second.came[port];
      if (!again) {
        waiting->second.came[port] = true;
        gathered.parcels[port] = message.parcels.front();
        if (--waiting->second.missing > 0) return;
        complete = std::move(gathered);
        join.waiting.erase(waiting);
      }
    }
    if (again)
      return guarded(node, [&] {
        throw Error(fmt::format("item {} of the epoch came twice on its input '{}'", message.item.index,
                                plan_.nodes[node].info->inputs[port].name));
      });
    entrance(node).try_put(complete);
  }

  /// With nothing under way, nothing may wait for its other half.
  void check_joins() {
    for (std::size_t i = 0; i < stations_.size(); ++i) {
      auto& waiting = stations_[i].join.waiting;
      if (!waiting.empty() && !failed_)
        guarded(i, [&] {
          throw Error(fmt::format("item {} of the epoch came on some of its inputs, but not on all of them",
                                  waiting.begin()->second.message.item.index));
        });
      waiting.clear();
    }
  }

  static std::uint64_t nanoseconds(Clock::duration time) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  }

  /// Calls a body with its time taken, and gives out when it ended: the clock is a good part of what an item
  /// costs, so nobody asks it twice. After a failure the items under way only pass through, so that the graph
  /// drains.
  template <class Body>
  Clock::time_point timed(std::size_t node, const Message& message, Body&& body) {
    if (failed_) return message.sent;
    Station& station = stations_[node];
    const auto begin = Clock::now();
    station.wait_ns += nanoseconds(begin - message.sent);
    if (station.free_since) station.idle_ns += nanoseconds(begin - *station.free_since);
    guarded(node, body);
    const auto end = Clock::now();
    station.body_ns += nanoseconds(end - begin);
    ++station.items;
    if (trace_) trace_->slice(plan_.nodes[node].name, message.item.step, begin, end);
    return end;
  }

  Message transform(std::size_t node, const Message& message) {
    const Plan::PlannedNode& planned = plan_.nodes[node];
    Parcel result;
    const auto sent = timed(node, message, [&] {
      result = planned.info->make_item ? planned.info->make_item(*planned.node, message.item)
                                       : planned.info->apply(*planned.node, message.parcels, message.item);
    });
    result.sole = stations_[node].consumers[0] == 1;
    return {message.item, message.sequence, {std::move(result)}, message.ticket, sent};
  }

  void process(std::size_t node, const Message& message) {
    Station& station = stations_[node];
    station.ticket = message.ticket;
    const auto end = timed(node, message, [&] {
      plan_.nodes[node].info->process(*plan_.nodes[node].node, message.parcels, message.item);
    });
    station.ticket.reset();
    if (message.ticket) station.free_since = end;  // closing messages are not part of the stream's rhythm
  }

  void emit(std::size_t node, std::size_t output, Parcel parcel, const Item& item) {
    Station& station = stations_[node];
    parcel.sole = station.consumers[output] == 1;
    station.outputs[output].try_put(
        {item, station.emitted[output]++, {std::move(parcel)}, station.ticket, Clock::now()});
  }

  void run_epoch(flow::graph& graph) {
    first_sequence_ = next_sequence_;
    epoch_end_ = next_sequence_ + steps_per_epoch();
    for (int i = 0; i < max_in_flight_; ++i) start_item();
    graph.wait_for_all();
    check_joins();
    const std::uint64_t count = std::min(next_sequence_.load(), epoch_end_) - first_sequence_;
    next_sequence_ = first_sequence_ + count;
    for (Station& station : stations_) station.free_since.reset();
    if (count == 0 || failed_) return;
    const Item last{epoch_, count - 1, first_sequence_ + count - 1};
    for (std::size_t i = 0; i < plan_.nodes.size() && !failed_; ++i) {
      const Plan::PlannedNode& planned = plan_.nodes[i];
      if (!planned.info->finish_epoch) continue;
      const auto begin = Clock::now();
      guarded(i, [&] { planned.info->finish_epoch(*planned.node, last); });
      graph.wait_for_all();
      check_joins();
      const auto end = Clock::now();
      stations_[i].finish_seconds += std::chrono::duration<double>(end - begin).count();
      if (trace_) trace_->slice(planned.name, last.step, begin, end);
    }
    if (failed_) return;
    ++epochs_done_;
    guarded("", [&] { record_.epoch_done(epoch_, next_sequence_); });
  }

  /// Lets one more item of this epoch start, unless the run is ending. Called on any thread.
  void start_item() {
    if (failed_ || received_signal != 0) return;
    std::uint64_t sequence = next_sequence_;
    do {
      if (sequence >= epoch_end_) return;
    } while (!next_sequence_.compare_exchange_weak(sequence, sequence + 1));
    const std::uint64_t now = ++in_flight_;
    if (trace_) trace_->count(now);
    std::uint64_t most = most_in_flight_;
    while (now > most && !most_in_flight_.compare_exchange_weak(most, now)) {
    }
    Message message;
    message.item = {epoch_, sequence - first_sequence_, sequence};
    message.sequence = sequence;
    message.ticket = std::shared_ptr<void>(this, [this](void*) { item_done(); });
    message.sent = Clock::now();
    root_->try_put(message);
  }

  void item_done() {
    const std::uint64_t now = --in_flight_;
    if (trace_) trace_->count(now);
    start_item();
  }

  void close_nodes() {
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      if (stations_[i].opened) guarded(i, [&] { plan_.nodes[i].node->close(); });
  }

  ExitCode conclude() {
    std::vector<Record::NodeTime> times;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const Station& one = stations_[i];
      times.push_back({plan_.nodes[i].name, plan_.nodes[i].info->type, one.items,
                       1e-9 * static_cast<double>(one.body_ns), 1e-9 * static_cast<double>(one.wait_ns),
                       1e-9 * static_cast<double>(one.idle_ns), one.finish_seconds});
    }
    ExitCode code = ExitCode::finished;
    std::string status = "finished", reason = "all epochs done";
    if (failure_) {
      code = ExitCode::failed, status = "failed", reason = *failure_;
      Problems problems;
      problems.error(failure_place_, reason);
      fmt::print(stderr, "{}", failure_place_.text ? problems.str() : "error: " + reason + "\n");
    } else if (received_signal != 0) {
      code = ExitCode::interrupted, status = "interrupted";
      reason = fmt::format("stopped by {}", strsignal(received_signal));
    } else if (stop_reason_) {
      status = "stopped", reason = *stop_reason_;
    }
    if (!failure_) record_.say(fmt::format("{}: {}", status, reason));
    record_.finish(status, reason, epochs_done_, next_sequence_, times, most_in_flight_);
    return code;
  }

  Plan& plan_;
  const int threads_, max_in_flight_;
  const std::filesystem::path output_, trace_file_;
  Record record_;

  std::optional<flow::graph> graph_;                   // outlives the nodes below
  std::deque<Station> stations_;                       // one per node
  std::optional<flow::broadcast_node<Message>> root_;  // starts items: feeds every source

  std::uint64_t epoch_ = 0, epochs_done_ = 0, first_sequence_ = 0, epoch_end_ = 0;
  std::atomic<std::uint64_t> next_sequence_{0}, in_flight_{0}, most_in_flight_{0};

  std::optional<Trace> trace_;

  std::mutex mutex_;  // guards what follows
  std::optional<std::string> failure_, stop_reason_;
  Place failure_place_;
  std::atomic<bool> failed_{false};  // failure_, for bodies
};

}  // namespace

ExitCode run_plan(Plan& plan, const RunOptions& options) { return Runtime(plan, options).execute(); }

}  // namespace twinflow
