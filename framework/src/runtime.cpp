#include "runtime.h"

#include <fmt/format.h>
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/version.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <new>
#include <optional>
#include <thread>

#include "agreement.h"
#include "console.h"
#include "control_board.h"
#include "crash_report.h"
#include "failure_log.h"
#include "fingerprint.h"
#include "graph_changes.h"
#include "join.h"
#include "memory_ledger.h"
#include "processes.h"
#include "processors.h"
#include "record.h"
#include "registry.h"
#include "run_files.h"
#include "running_clock.h"
#include "save_times.h"
#include "saved_run.h"
#include "signals.h"
#include "timetable.h"
#include "trace.h"
#include "twinflow/folder.h"
#include "twinflow/interrupt.h"
#include "twinflow/libraries.h"
#include "twinflow/plugin.h"
#include "worker_thread.h"
#include "writer.h"

namespace twinflow {

namespace {

/// The state of the resumed run that was written last is whole, but a node refuses it.
class NotRestored : public Error {
  using Error::Error;
};

using Clock = std::chrono::steady_clock;
namespace flow = tbb::flow;

/// A node's place in the flow graph, with where its time goes.
struct Station {
  std::string who;                                                         // in words, for errors
  Join join;                                                               // several stream inputs,
  std::deque<flow::function_node<Message, flow::continue_msg>> arrivals;   // one each
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
  bool shared = false;  // only this rank's share of a batch goes through,
  bool own = false;     // or the batches that are this rank's own
  bool idle = false;    // nobody on this rank wants what it makes
};

class Runtime final : public Run, public MemoryKeeper {
 public:
  /// `ranks`: nullptr where this process runs the graph by itself.
  /// `newest_is_bad`: why the state written last cannot be restored, so that the one before is; empty: it may
  /// be.
  Runtime(Plan& plan, const RunOptions& options, Ranks* ranks, const std::string& newest_is_bad = "")
      : plan_(plan),
        ranks_(ranks),
        threads_(options.threads > 0 ? options.threads : usable_processors().count),
        max_in_flight_(options.max_in_flight > 0 ? options.max_in_flight : threads_ + 2),
        output_(options.output),
        resume_(run_to_resume(options)),
        allow_changes_(options.allow_changes),
        quiet_(options.quiet || !leads()),
        grace_(options.grace),
        trace_file_(options.trace.empty()
                        ? options.trace
                        : std::filesystem::absolute(
                              leads() ? options.trace.string()
                                      : fmt::format("{}.rank{}", options.trace.string(), ranks->rank()))),
        memory_(memory_of_each(),
                {threads_, max_in_flight_, ranks && !plan.run.batch_per_rank ? ranks->size() : 1, leads()}),
        record_(plan, quiet_),
        timetable_(plan.run),
        save_times_(options.grace, [this](const std::string& line) { record_.say(line); }) {
    if (ranks_)
      record_.say(fmt::format("{} processes train together; this is {}", ranks_->size(),
                              ranks_->name(ranks_->rank())));
    if (plan.run.batch_per_rank && !ranks_)
      record_.say("batch_per_rank = true does nothing to a process by itself");
    if (const std::string crowded =
            crowding(threads_, static_cast<int>(usable_processors().allowed.size()),
                     static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)),
                     started_together([](const char* name) { return std::getenv(name); }));
        !crowded.empty())
      record_.say("slow: " + crowded);
    for (const Plan::PlannedNode& node : plan.nodes) {
      if (ranks_ && node.info->shape == NodeInfo::Shape::stateful && node.info->takes_share &&
          std::exchange(one_shares_, true))
        throw Error(
            fmt::format("node '{}' ({}) is the second that shares batches: of several ranks one at most can "
                        "be in a graph",
                        node.name, node.info->type));
      Station& station = stations_.emplace_back();
      station.who = fmt::format("node '{}' ({})", node.name, node.info->type);
      for (const InputInfo& port : node.info->inputs)
        if (port.streamed()) station.join.add_port(port.name);
    }
    count_memory({});  // before a state or data are read
    if (const std::string slowed = memory_.slowed(); !slowed.empty()) record_.say("slow: " + slowed);
    if (!resume_.empty() && !failed()) {
      if (options.resume.empty())
        record_.say(fmt::format("going on in '{}', the newest run of this graph that has not ended",
                                resume_.string()));
      if (leads() && std::filesystem::is_directory(resume_)) record_.hold(resume_);
      if (newest_is_bad.empty()) {
        resumed_ = read_saved_run(resume_);
      } else {
        resumed_ = read_state(previous_state_file(resume_));
        resumed_->newest_is_bad = newest_is_bad;
      }
      saved_ = true;
      state_is_bad_ = !resumed_->newest_is_bad.empty();
      compare_graphs();
    }
    if (!trace_file_.empty()) trace_.emplace();
    if (!leads()) find_idle();
    if (ranks_) find_shared();
    for (std::size_t i = 0; i < plan.nodes.size(); ++i)
      if (!left_out(i)) (plan.nodes[i].info->hear ? listeners_ : finishing_).push_back(i);
    finishing_.insert(finishing_.end(), listeners_.begin(), listeners_.end());
    about_ = {{"graph", plan.resolved_toml},
              {"seed", fmt::format("{}", plan.run.seed)},
              {"version", TWINFLOW_VERSION},
              {"onetbb", TBB_runtime_version()}};
  }
  ~Runtime() override { SignalGuard::detach(); }

  ExitCode execute() {
    SignalGuard::begin({[this](int signal, bool opening) { signal_taken(signal, opening); }, grace_});
    if (resumed_ && nothing_left()) return ExitCode::finished;
    require_threads(threads_ - 1);
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads_));
    tbb::task_arena arena(threads_);
    const CrashStacks stacks(arena);
    arena.execute([&] {
      // Whatever goes wrong, nodes are closed, and not before nothing moves any more.
      guarded("", [&] { open_and_stream(); });
      if (graph_) drain(*graph_);
      for (Station& station : stations_) station.join.clear();  // of a run that ended between items
      if (failed() && !resume_.empty() && !taken_over_) guarded("", [&] { record_.give_up(); });
      guarded("", [&] { record_.tell_times(times(), most_in_flight_); });
      close_nodes();
      check_saved();
      if (trace_out_) write_trace();
    });
    if (try_previous_) throw NotRestored(*try_previous_);
    return conclude();
  }

  // What nodes see.
  std::uint64_t seed() const override { return static_cast<std::uint64_t>(plan_.run.seed); }
  std::uint64_t epochs() const override { return plan_.run.epochs.count(); }
  std::uint64_t steps_per_epoch() const override { return steps_per_epoch_; }
  std::uint64_t steps() const override {
    return plan_.run.epochs.unlimited && plan_.run.max_steps
               ? static_cast<std::uint64_t>(*plan_.run.max_steps)
               : Run::steps();
  }
  int threads() const override { return threads_; }
  const std::filesystem::path& directory() const override { return record_.directory(); }
  Folder folder() const override { return record_.folder(); }
  const std::map<std::string, std::string>& about() const override { return about_; }
  std::vector<std::string> metrics() const override {
    std::vector<std::string> all;
    for (const Plan::PlannedNode& node : plan_.nodes)
      for (const MetricInfo& metric : node.metrics) all.push_back(node.name + "." + metric.name);
    return all;
  }
  Ranks* ranks() override { return ranks_; }
  bool batch_per_rank() const override { return ranks_ && plan_.run.batch_per_rank; }
  std::shared_future<bool> later(std::string what, std::function<void()> write, Retry retry) override {
    if (!leads()) return written_elsewhere();
    auto as_here = [write = std::move(write), place = InCodeOf::here()] {
      const InCodeOf there(place);
      write();
    };
    return writer_.later(std::move(what), std::move(as_here), retry == Retry::yes);
  }
  void report(std::string_view node, const Item& item, const Numbers& values) override {
    record_.report(node, item, values);
    if (record_.lost()) check_folder();
    const std::lock_guard lock(hearing_);
    for (const std::size_t i : listeners_) {
      const InCodeOf listener(plan_.nodes[i].name, *plan_.nodes[i].info, &item);
      plan_.nodes[i].info->hear(*plan_.nodes[i].node, node, item, values);
    }
  }
  void say(const std::string& line) override { record_.say(line); }
  void stop(std::string reason) override {
    const std::lock_guard lock(mutex_);
    if (!position_.stop) position_.stop = std::move(reason);
  }
  void will_hold(std::string_view node, MemoryPiece piece) override { memory_.hold(node, std::move(piece)); }
  Tracer* trace() override { return trace_ ? &*trace_ : nullptr; }

 private:
  void open_and_stream() {
    board_.connect(plan_);
    if (trace_) guarded("", [&] { begin_trace(); });
    if (!resumed_ && leads()) guarded("", [&] { record_.check_output(output_); });
    if (!failed()) open_nodes();
    if (!failed() && !opening_stopped_ && !signalled()) set_epoch_length();
    SignalGuard::opened();
    meet();
    if (!failed() && !signalled()) guarded("", [&] { begin(); });
    if (failed() || !started_) return;
    restore_nodes();
    if (try_previous_) return;
    if (!saved_) save();      // from now on there is something to resume
    build(graph_.emplace());  // in here: a graph belongs to the arena it is made in
    timetable_.start(record_.seconds(), RunningClock::now());
    meet();
    while (!ending()) run_epoch(*graph_);
    if (!failed()) take_over();
    save_last();
  }
  bool failed() const { return failures_.any(); }
  /// Of several ranks the first one writes, and has all nodes.
  bool leads() const { return !ranks_ || ranks_->first(); }
  bool left_out(std::size_t node) const { return !leads() && plan_.nodes[node].info->first_rank_only; }
  static std::shared_future<bool> written_elsewhere() {
    std::promise<bool> promise;
    promise.set_value(true);
    return promise.get_future().share();
  }

  void count_memory(const std::map<std::size_t, ImageShape>& shapes) {
    guarded("", [&] {
      memory_.ask(plan_, shapes, [&](std::size_t node, const std::function<void()>& code) {
        guarded(node, code);
        return !failed();
      });
    });
  }
  /// What this process may take, as the others of the job on this machine start as well.
  Memory memory_of_each() const {
    Memory memory = usable_memory(threads_);
    if (const int processes = processes_here(); processes > 1) {
      memory.left /= processes;
      memory.limit += fmt::format(", for {} processes", processes);
    }
    return memory;
  }

  std::filesystem::path run_to_resume(const RunOptions& options) {
    const auto find = [&] {
      return options.resume.empty() && options.resume_newest ? newest_run(plan_) : options.resume;
    };
    if (!ranks_) return find();
    agreement_.emplace(*ranks_);
    return agreement_->of_first(leads() ? find().string() : "");
  }

  /// On the guard's thread, which must not wait: the writing thread does what goes to the disk.
  void signal_taken(int signal, bool opening) {
    const std::string line = fmt::format(
        "{}: {}; a second Ctrl-C ends at once", signal_name(signal),
        opening ? "the run ends before it begins" : "finishing the items in flight, then saving the state");
    if (!quiet_) print_line(line + "\n");
    if (leads())
      writer_.later(
          "log.txt", [this, line] { record_.log_only(line); }, false);
  }
  /// For what is said when a crash or the guard of signals ends the process.
  void set_saved_last(const std::filesystem::path& state) {
    report_state_in_crashes(state.string());
    if (leads())
      SignalGuard::set_last_words(
          fmt::format("the state saved last is '{}': flowrun --resume {} resumes from it", state.string(),
                      record_.folder().path().string()));
  }

  /// A signal to end, noted by this process or, where ranks have met, by one of them.
  int signalled() const { return ranks_ ? agreement_->settled().signal : SignalGuard::received(); }

  /// With the other ranks, between items: what all do from here. Without ranks nothing is to be settled.
  void meet() {
    if (!ranks_ || failed()) return;
    const auto now = RunningClock::now();
    guarded("", [&] {
      agreement_->meet({SignalGuard::received(), timetable_.time_over(now), timetable_.time_to_pause(now)},
                       next_step_);
    });
  }

  /// With batch_per_rank, one of each rank.
  std::uint64_t batches_per_item() const {
    return batch_per_rank() ? static_cast<std::uint64_t>(ranks_->size()) : 1;
  }
  std::uint64_t steps_done() const { return position_.epoch * steps_per_epoch_ + position_.index; }

  /// Why the run has come to its end, if it has: all epochs are done, a node has stopped it, a budget is
  /// spent.
  struct End {
    std::string status, reason;
  };
  std::optional<End> end() const {
    if (position_.index == 0 && position_.stop) return End{"stopped", *position_.stop};
    if (position_.index == 0 && position_.epoch >= epochs()) return End{"finished", "all epochs done"};
    if (budget_spent_) return End{"stopped", *budget_spent_};
    return std::nullopt;
  }

  /// Asked between items, or where an epoch has ended.
  bool ending() {
    const std::lock_guard lock(mutex_);
    if (failed() || signalled() != 0) return true;
    budget_spent_ = timetable_.spent(
        steps_done(), ranks_ ? agreement_->settled().time_over : timetable_.time_over(RunningClock::now()));
    return end().has_value();
  }

  /// Runs a piece of a node's code; an exception becomes the run's failure, if it is the first. That nothing
  /// can be written any more is no node's failure, and reported once. Throws nothing.
  template <class Code>
  void guarded(std::string_view who, Code&& code, const Place& place = {}) noexcept {
    try {
      code();
    } catch (const Interrupted&) {
      opening_stopped_ = true;
    } catch (const FolderClosed&) {
      if (!failed()) failures_.record("", {});
    } catch (...) {
      failures_.record(who, place);
    }
  }
  template <class Code>
  void guarded(std::size_t node, Code&& code, const Item* item = nullptr) noexcept {
    const InCodeOf here(plan_.nodes[node].name, *plan_.nodes[node].info, item);
    guarded(stations_[node].who, code, plan_.nodes[node].place);
  }

  /// The run stops where its directory is not there any more.
  void check_folder() {
    guarded("", [this] { record_.require_folder(); });
  }

  /// Throws Error when the trace cannot be written, before anything is done for it.
  void begin_trace() {
    const std::filesystem::path& run = resume_.empty() ? output_ : resume_;
    const std::string writer = writer_of(plan_, trace_file_.filename().string());
    if (!run.empty() && !writer.empty() &&
        std::filesystem::weakly_canonical(run) ==
            std::filesystem::weakly_canonical(trace_file_.parent_path()))
      throw Error(
          fmt::format("the trace cannot be written to '{}', a file of the run directory that {} writes",
                      trace_file_.string(), writer));
    trace_out_.emplace(trace_file_);
  }

  /// A trace only shows: it ends no run.
  void write_trace() {
    try {
      trace_out_->write(trace_->json());
      if (trace_->left_out() > 0)
        record_.say(fmt::format("'{}' has the beginning of the run: {} later events were left out",
                                trace_file_.string(), trace_->left_out()));
    } catch (const std::exception& error) {
      record_.say(fmt::format("the trace is lost: {}", error.what()));
    }
  }

  void open_nodes() {
    // Made when the first node asks for it: a constant nobody uses costs nothing.
    std::map<std::pair<std::size_t, std::size_t>, Parcel> constants;
    Fingerprints fingerprints;
    std::map<std::size_t, ImageShape> shapes;  // of images, by node
    for (std::size_t i = 0; i < plan_.nodes.size() && !failed() && !opening_stopped_ && !signalled(); ++i) {
      if (left_out(i)) continue;
      Plan::PlannedNode& planned = plan_.nodes[i];
      NodeAccess::attach(*planned.node, planned.name, *this);
      for (const auto& [input, link] : planned.inputs) {
        const InputInfo& port = planned.info->inputs[input];
        if (!port.bind) continue;
        const auto key = std::pair(link.node, link.output);
        guarded(link.node, [&, &link = link] {  // clang 14 captures no structured binding
          if (constants.contains(key)) return;
          const Plan::PlannedNode& maker = plan_.nodes[link.node];
          const OutputInfo& output = maker.info->outputs[link.output];
          const Parcel& made = constants[key] = output.constant(*maker.node);
          if (made.type == typeid(Dataset)) {
            const auto& data = *static_cast<const Dataset*>(made.value.get());
            about_[fmt::format("data.{}.{}", maker.name, output.name)] = fingerprints.of(data);
            shapes[link.node] = {data.store->channels, data.store->height, data.store->width};
          }
        });
        if (failed() || opening_stopped_) return;
        port.bind(*planned.node, constants[key]);
      }
      stations_[i].opened = true;
      guarded(i, [&] { planned.node->open(); });
    }
    if (!failed()) count_memory(shapes);  // now that the data are known
  }

  /// An epoch is as long as the graph says, or else as long as its finite sources are.
  void set_epoch_length() {
    const auto asked = static_cast<std::uint64_t>(plan_.run.steps_per_epoch);
    steps_per_epoch_ = asked;
    for (std::size_t i = 0; i < plan_.nodes.size() && !failed(); ++i) {
      if (!plan_.nodes[i].info->source_items) continue;
      guarded(i, [&] {
        const std::uint64_t batches = plan_.nodes[i].info->source_items(*plan_.nodes[i].node);
        if (batches == endless) return;
        const std::uint64_t ranks = stations_[i].own ? batches_per_item() : 1, items = batches / ranks;
        if (steps_per_epoch_ == 0) steps_per_epoch_ = items;
        if (batches == 0) throw Error("it has no items");
        if (asked == 0 && items > 0 && batches % ranks > 0)
          record_.say(
              fmt::format("{}: the last {} of its {} batches are left out of every epoch, as {} ranks "
                          "take one each",
                          plan_.nodes[i].name, batches % ranks, batches, ranks));
        if (items == 0)
          throw Error(fmt::format("it has {} batches, fewer than there are ranks ({}) to take one each",
                                  batches, batches_per_item()));
        if (asked > 0 ? items < asked : items != steps_per_epoch_)
          throw Error(fmt::format("it has {} items for an epoch of {}", items, steps_per_epoch_));
      });
    }
    if (steps_per_epoch_ == 0) steps_per_epoch_ = 100;
    record_.set_steps_per_epoch(steps_per_epoch_);
  }

  /// Whether the run to be resumed has come to its end already.
  bool nothing_left() {
    const bool done = resumed_->position.epoch >= epochs();
    const bool stopped = resumed_->position.stop && resumed_->position.index == 0;
    if (!done && !(stopped && !another_chance_)) return false;
    if (!has_ended(resume_)) return false;  // it was ended by force before its sinks were closed
    record_.say(fmt::format("nothing to do: {}",
                            done ? fmt::format("{} of {} epochs are done", resumed_->position.epoch, epochs())
                                 : fmt::format("the run was stopped: {}", *resumed_->position.stop)));
    return true;
  }

  /// Makes the run directory, or goes on in the one of the resumed run.
  void begin() {
    if (ranks_) {
      agreement_->require_same("set of libraries", library_text());
      agreement_->require_same("graph", plan_.resolved_toml);
      agreement_->require_same("length of an epoch", fmt::format("{} steps", steps_per_epoch_));
      compare_data_with_first();
    }
    if (!resumed_) {
      if (leads()) record_.create(output_);
    } else {
      compare_data();
      position_ = resumed_->position;
      graph_mark_ = resumed_->graph_mark;
      if (position_.index == 0) saved_epoch_ = position_.epoch;
      if (another_chance_) position_.stop.reset();
      if (leads()) record_.restore(resumed_->states["record"]);
      set_saved_last(resumed_->file);
      if (!resumed_->newest_is_bad.empty())
        record_.say(fmt::format("{}: going on from the state before, '{}'", resumed_->newest_is_bad,
                                resumed_->file.string()));
      compare_libraries();
      for (const std::string& line : changes_) record_.say("changed: " + line);
      if (longer_)
        record_.say("a learning rate that follows the length of the run follows the new one from here");
      record_.say(position_.index == 0 ? fmt::format("resumed after epoch {}", position_.epoch)
                                       : fmt::format("resumed after {} of {} items of epoch {}",
                                                     position_.index, steps_per_epoch_, position_.epoch + 1));
      const std::uint64_t begun = position_.epoch + (position_.index > 0 ? 1 : 0);
      if (epochs() < begun)
        record_.say(fmt::format("{} epochs are asked for, but {} have begun: the run ends with {}", epochs(),
                                begun, position_.index > 0 ? "this one" : "them"));
    }
    position_.batches_per_item = batches_per_item();
    if (ranks_) {
      const std::string directory = agreement_->of_first(record_.directory().string());
      if (!leads()) record_.follow(directory);
    }
    if (leads() && !plan_.graph_file.empty())
      graph_mark_ = graph_mark(plan_.graph_file, record_.folder().absolute_path());
    started_ = true;
  }

  /// Another graph than the one that the run was saved by is refused, unless changes are allowed or none
  /// matters. Nodes that were not there, or were of another type, then start anew.
  void compare_graphs() {
    std::vector<std::string> mattering;
    for (Change& change : graph_changes(resumed_->graph, plan_.resolved_toml)) {
      if (change.matters) mattering.push_back(change.text);
      longer_ |= change.text.starts_with("run.epochs:") || change.text.starts_with("run.max_steps:");
      another_chance_ |= change.matters || change.text.starts_with("run.epochs:");
      changes_.push_back(std::move(change.text));
    }
    try_previous_allowed_ = mattering.empty();
    refuse(mattering,
           fmt::format("flowrun --resume {} (without a graph file and without --set) resumes it as "
                       "it was saved;\n",
                       resume_.string()));
    const auto before = resumed_->types;
    for (const auto& [name, type] : before) {
      const auto same = [&, &name = name, &type = type](const Plan::PlannedNode& node) {
        return node.name == name && node.info->type == type;
      };
      if (std::none_of(plan_.nodes.begin(), plan_.nodes.end(), same)) forget_node(*resumed_, name);
    }
  }

  /// "OpenCV 4.6.0, oneDNN 2.6.3"
  static std::string library_text() {
    std::vector<std::string> all;
    for (const auto& [name, version] : libraries()) all.push_back(name + " " + version);
    return fmt::format("{}", fmt::join(all, ", "));
  }

  /// Says which libraries have another version than when the state was saved.
  void compare_libraries() {
    for (const auto& [name, before] : resumed_->libraries)
      if (const auto now = libraries().find(name); now != libraries().end() && now->second != before)
        record_.say(fmt::format(
            "warning: the state was saved with {} {}, and the run goes on with {} {}: its numbers "
            "may differ in the last digits from those of a run that was not interrupted",
            name, before, name, now->second));
  }

  /// The first rank has all nodes, so it has opened each data set that this one has.
  void compare_data_with_first() {
    const auto line = [](const auto& one) { return fmt::format("\n{}: {}\n", one.first, one.second); };
    std::string mine;
    for (const auto& one : about_)
      if (one.first.starts_with("data.")) mine += line(one);
    const std::string first = agreement_->of_first(mine);
    for (const auto& one : about_)
      if (one.first.starts_with("data.") && first.find(line(one)) == std::string::npos)
        throw Error(fmt::format("{}: it has other images or classes here than on {}", one.first.substr(5),
                                ranks_->name(0)));
  }

  /// What is known only once all nodes are open: the data, and how long an epoch is.
  void compare_data() {
    std::vector<std::string> mattering;
    for (const auto& [name, fingerprint] : resumed_->data) {
      const auto now = about_.find(name);
      if (now != about_.end() && now->second != fingerprint)
        mattering.push_back(fmt::format("data {}: other images or classes than before ({}; now {})",
                                        name.substr(name.find('.') + 1), fingerprint, now->second));
    }
    const std::uint64_t before = resumed_->steps_per_epoch;
    const std::string epoch = fmt::format("an epoch had {} steps, now it has {}", before, steps_per_epoch_);
    if (before != steps_per_epoch_)  // all that is counted in steps would be another
      throw Error(
          fmt::format("'{}': {}, which cannot change in a run that goes on", resumed_->file.string(), epoch));
    if (const std::uint64_t was = resumed_->position.batches_per_item; was != batches_per_item())
      mattering.push_back(fmt::format(
          "batch_per_rank: a step had {} batches, now it has {}, one of each rank", was, batches_per_item()));
    if (ranks_) mattering = agreement_->of_first(mattering);  // which has all data
    refuse(mattering, "");
    changes_.insert(changes_.end(), mattering.begin(), mattering.end());
  }

  void refuse(const std::vector<std::string>& mattering, const std::string& advice) {
    if (mattering.empty() || allow_changes_) return;
    refused_ = true;
    throw GraphChanged(
        fmt::format("'{}' was saved by another graph, or with other data:\n  {}\n{}with --allow-changes the "
                    "run goes on with what is different",
                    resumed_->file.string(), fmt::join(mattering, "\n  "), advice));
  }

  /// Why a state was refused, by the first rank that did; empty: by none.
  std::string first_refusal(const std::string& mine) {
    if (!ranks_) return mine;
    for (const std::string& one : agreement_->of_all(mine))
      if (!one.empty()) return one;
    return "";
  }
  /// What the first rank says.
  bool agreed(bool mine) { return ranks_ ? !agreement_->of_first(mine ? "yes" : "").empty() : mine; }

  void restore_nodes() {
    if (!resumed_) return;
    guarded("", [&] { board_.restore(resumed_->states["board"]); });
    for (std::size_t i = 0; i < plan_.nodes.size() && !failed(); ++i) {
      const std::string& name = plan_.nodes[i].name;
      if (left_out(i)) continue;
      if (resumed_->types.contains(name))
        guarded(i, [&] {
          try {
            plan_.nodes[i].node->restore(resumed_->states["node." + name]);
          } catch (const FolderClosed&) {
            throw;
          } catch (const Error& error) {
            throw Error(fmt::format("'{}': {}", resumed_->file.string(), error.what()));
          }
        });
    }
    guarded("", [&] {
      const bool is_there = leads() && try_previous_allowed_ && resumed_->newest_is_bad.empty() &&
                            !record_.lost() && record_.folder().exists(previous_state_name);
      if (const std::string why = first_refusal(failures_.first()); !why.empty() && agreed(is_there))
        try_previous_ = why;
    });
    resumed_.reset();  // its tensors are large
  }

  /// The resumed run's files are written from its first item on: until then the run may turn out not to be
  /// resumable, and stays as it was.
  void take_over() {
    if (!resume_.empty() && leads() && !taken_over_.exchange(true)) guarded("", [&] { record_.resume(); });
  }
  void first_item_done() {
    if (!trained_.exchange(true)) take_over();
  }

  /// Takes the state, and has it written while training goes on. The first one is on the disk, or the run has
  /// failed, when this returns.
  void save() {
    if (!leads()) {
      saved_ = true;
      if (position_.index == 0) saved_epoch_ = position_.epoch;
      return;
    }
    const bool writing =
        saving_.valid() && saving_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
    if (writing && !ending()) {
      if (!std::exchange(skipped_, true))
        record_.say("a state is not saved: the one before is still being written (this is said once)");
      return;
    }
    if (writing) saving_.wait();  // memory is counted for one state; the run's end waits for both anyway
    const auto begin = Clock::now();
    States states;
    try {
      states["record"] = record_.save();  // first: nodes take it that what they give here is kept
    } catch (const std::exception& error) {
      if (!saved_) return guarded("", [] { throw; });
      return unsaved(error.what());
    }
    unsaved_.clear();
    for (std::size_t i = 0; i < plan_.nodes.size() && !failed(); ++i)
      guarded(i, [&] { states["node." + plan_.nodes[i].name] = plan_.nodes[i].node->save(); });
    guarded("", [&] {
      if (failed()) return;
      states["run"] = position_state(plan_, steps_per_epoch_, position_, about_, graph_mark_);
      states["board"] = board_.save();
      if (position_.index == 0) saved_epoch_ = position_.epoch;
      const auto taken = std::make_shared<NamedTensors>(packed(std::move(states)));
      const auto write = [this, taken, begin] {
        write_saved_run(record_.folder(), *taken, state_is_bad_);
        state_is_bad_ = false;
        set_saved_last(record_.folder().path_of(state_name));
        save_times_.saved(std::chrono::duration<double>(Clock::now() - begin).count());
      };
      if (saved_) {
        saving_ = writer_.later("the state", write, true);
        return;
      }
      writer_.drain();
      write();
      saved_ = true;
    });
  }

  /// A signal may come right after an epoch that ended without a save; and where the last state could not be
  /// saved, the disk may yet have room.
  void save_last() {
    if (!failed() && position_.index == 0 && saved_epoch_ != position_.epoch) save_recorded();
    for (const double wait : {0.5, 2.0}) {
      if (failed() || unsaved_.empty()) return;
      std::this_thread::sleep_for(std::chrono::duration<double>(wait));
      save_recorded();
    }
    if (!failed() && !unsaved_.empty()) guarded("", [&] { throw Error(not_saved(unsaved_)); });
  }

  std::string not_saved(const std::string& why) const {
    return fmt::format("the last state could not be saved{}{}: '{}' is of before", why.empty() ? "" : ": ",
                       why, record_.folder().path_of(state_name).string());
  }

  /// Once the writing thread is done: a run whose last state is not on the disk has not ended well.
  void check_saved() {
    check_folder();
    if (saving_.valid() && !saving_.get()) guarded("", [&] { throw Error(not_saved("")); });
  }

  void build(flow::graph& graph) {
    root_.emplace(graph);
    // Items go on by themselves, also where no source works.
    if (!leads())
      flow::make_edge(*root_, nothing_.emplace(graph, flow::unlimited,
                                               [](const Message&) { return flow::continue_msg(); }));
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const NodeInfo& info = *plan_.nodes[i].info;
      Station& station = stations_[i];
      station.consumers.resize(info.outputs.size());
      if (is_body(i))
        station.body.emplace(graph, flow::unlimited,
                             [this, i](const Message& message) { return transform(i, message); });
      if (info.shape == NodeInfo::Shape::source && !station.idle) flow::make_edge(*root_, *station.body);
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
        if (!works(i) || !plan_.nodes[i].info->inputs[input].streamed()) continue;
        Station& from = stations_[link.node];
        flow::sender<Message>& sender =
            from.body ? static_cast<flow::sender<Message>&>(*from.body) : from.outputs[link.output];
        Station& to = stations_[i];
        if (to.join.ports() == 1) {
          flow::make_edge(sender, entrance(i));
        } else {
          to.join.connect(input);
          flow::make_edge(sender, to.arrivals.emplace_back(graph, flow::unlimited,
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
    drain(graph);  // an edge starts tasks of its nodes, which would outlive them if no epoch ran
  }

  /// Waits until nothing moves any more. What the graph itself throws, for want of memory, fails the run.
  void drain(flow::graph& graph) {
    guarded("", [&] { graph.wait_for_all(); });
  }

  bool is_body(std::size_t node) const {
    const NodeInfo::Shape shape = plan_.nodes[node].info->shape;
    return shape == NodeInfo::Shape::source || shape == NodeInfo::Shape::map;
  }
  bool works(std::size_t node) const { return !left_out(node) && !stations_[node].idle; }
  /// each(to) for every node that takes what `from` streams, on this rank.
  template <class Each>
  void each_fed_by(std::size_t from, const Each& each) const {
    for (std::size_t to = from + 1; to < plan_.nodes.size(); ++to)  // whoever is fed comes after who feeds
      for (const auto& [input, link] : plan_.nodes[to].inputs)
        if (link.node == from && works(to) && plan_.nodes[to].info->inputs[input].streamed()) each(to);
  }

  /// What feeds only nodes that are left out here.
  void find_idle() {
    for (std::size_t i = plan_.nodes.size(); i-- > 0;) {
      if (!is_body(i)) continue;
      stations_[i].idle = true;
      each_fed_by(i, [&](std::size_t) { stations_[i].idle = false; });
    }
  }

  /// Where nobody wants more of a batch than this rank's share, from the source on; or, with batch_per_rank,
  /// what comes from this rank's own batches. Throws Error where these cannot be.
  void find_shared() {
    for (std::size_t i = plan_.nodes.size(); i-- > 0;) {
      const NodeInfo& info = *plan_.nodes[i].info;
      Station& station = stations_[i];
      if (!is_body(i)) {
        (batch_per_rank() ? station.own : station.shared) = info.takes_share;
        continue;
      }
      bool fed = false, all_share = info.takes_share || info.share;
      each_fed_by(i, [&](std::size_t to) {
        fed = true;
        all_share &= stations_[to].shared;
        station.own |= stations_[to].own;
      });
      station.shared = fed && all_share;
    }
    if (!batch_per_rank()) return;
    // The states of all ranks are one, that of the first.
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      each_fed_by(i, [&](std::size_t to) {
        const std::size_t keeps = is_body(i) ? to : i;
        const Plan::PlannedNode& node = plan_.nodes[keeps];
        const bool own = stations_[is_body(i) ? i : to].own;
        if (!own || is_body(keeps) || node.info->takes_share || node.info->first_rank_only) return;
        throw Error(fmt::format(
            "node '{}' ({}) keeps a state of the batches that it sees, which would be others on each rank: "
            "batch_per_rank = true cannot be with it",
            node.name, node.info->type));
      });
  }

  /// That item of this rank's among those of the step.
  Item own(Item item) const {
    const auto rank = static_cast<std::uint64_t>(ranks_->rank());
    item.index = item.index * batches_per_item() + rank;
    item.step = item.step * batches_per_item() + rank;
    return item;
  }

  flow::receiver<Message>& entrance(std::size_t node) {
    Station& station = stations_[node];
    if (station.body) return *station.body;
    return *station.in_order;
  }

  void arrive(std::size_t node, std::size_t port, const Message& message) {
    if (failed()) return;
    guarded(node, [&] {
      if (const auto complete = stations_[node].join.arrive(port, message)) entrance(node).try_put(*complete);
    });
  }

  /// At the end of an epoch, nothing may wait for its other half.
  void check_joins() {
    for (std::size_t i = 0; i < stations_.size() && !failed(); ++i)
      if (const auto item = stations_[i].join.incomplete())
        guarded(i, [&] {
          const bool stuck = position_.index < steps_per_epoch_;
          throw Error(fmt::format(
              "item {} of the epoch came on some of its inputs, but not on all of them{}", item->index,
              stuck ? fmt::format(" (of {} items in flight; --max-in-flight allows more)", in_flight_.load())
                    : ""));
        });
  }

  static std::uint64_t nanoseconds(Clock::duration time) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  }

  /// Calls a body with its time taken, and gives out when it ended: the clock is a good part of what an item
  /// costs, so nobody asks it twice. After a failure the items under way only pass through, so that the graph
  /// drains.
  template <class Body>
  Clock::time_point timed(std::size_t node, const Message& message, Body&& body) {
    if (failed()) return message.sent;
    Station& station = stations_[node];
    const auto begin = Clock::now();
    station.wait_ns += nanoseconds(begin - message.sent);
    if (station.free_since) station.idle_ns += nanoseconds(begin - *station.free_since);
    guarded(node, body, &message.item);
    const auto end = Clock::now();
    station.body_ns += nanoseconds(end - begin);
    ++station.items;
    if (trace_) guarded(node, [&] { trace_->body(plan_.nodes[node].name, message.item, begin, end); });
    return end;
  }

  static std::shared_ptr<const std::vector<Parcel>> one(Parcel parcel) {
    auto parcels = std::make_shared<std::vector<Parcel>>(1);
    parcels->front() = std::move(parcel);
    return parcels;
  }

  Message transform(std::size_t node, const Message& message) {
    const Plan::PlannedNode& planned = plan_.nodes[node];
    Parcel result;
    const auto sent = timed(node, message, [&] {
      const Item item = stations_[node].own ? own(message.item) : message.item;
      result = planned.info->make_item ? planned.info->make_item(*planned.node, item)
                                       : planned.info->apply(*planned.node, *message.parcels, item);
      if (stations_[node].shared && planned.info->share)
        planned.info->share(result, ranks_->rank(), ranks_->size());
    });
    result.sole = stations_[node].consumers[0] == 1;
    Message made{message.item, message.sequence, nullptr, message.ticket, sent};
    guarded(node, [&] { made.parcels = one(std::move(result)); });
    return made;
  }

  void process(std::size_t node, const Message& message) {
    Station& station = stations_[node];
    station.ticket = message.ticket;
    const auto end = timed(node, message, [&] {
      plan_.nodes[node].info->process(*plan_.nodes[node].node, *message.parcels, message.item);
    });
    station.ticket.reset();
    if (message.ticket) station.free_since = end;  // closing messages are not part of the stream's rhythm
  }

  void emit(std::size_t node, std::size_t output, Parcel parcel, const Item& item) {
    Station& station = stations_[node];
    parcel.sole = station.consumers[output] == 1;
    station.outputs[output].try_put(
        {item, station.emitted[output]++, one(std::move(parcel)), station.ticket, Clock::now()});
  }

  /// The items of an epoch that are left. False: the run ends among them.
  bool run_items(flow::graph& graph) {
    const std::uint64_t epoch_start = position_.epoch * steps_per_epoch_;
    next_step_ = epoch_start + position_.index;
    epoch_end_ = epoch_start + steps_per_epoch_;
    if (!std::exchange(streaming_, true)) {
      first_step_ = next_step_;
      if (ranks_) agreement_->start(first_step_);
    }
    while (true) {
      const std::uint64_t planned_pause = timetable_.next_pause(next_step_, epoch_end_);
      pause_ = ranks_ ? std::min(planned_pause, next_step_ + agreement_->items_until_next()) : planned_pause;
      const auto now = Clock::now();
      // Each of these has another one started when it is done, so that there are never more of them. The
      // first is started anyway: however short the time between saves is, the run goes on.
      const std::uint64_t waiting = in_flight_;  // for their other halves
      for (auto i = waiting; i < static_cast<std::uint64_t>(max_in_flight_); ++i)
        start_item(now, i == waiting);
      drain(graph);
      for (Station& station : stations_) station.free_since.reset();
      if (failed()) return false;
      position_.index = next_step_ - epoch_start;
      meet();
      if (position_.index == steps_per_epoch_) return true;
      if (ending()) return save_mid_epoch(), false;
      const bool time_to_pause =
          ranks_ ? agreement_->settled().pause : timetable_.time_to_pause(RunningClock::now());
      if (next_step_ < pause_ && !time_to_pause) return check_joins(), false;  // nothing moves any more
      if (ranks_ && next_step_ < planned_pause && !time_to_pause) continue;    // they have only met
      save_mid_epoch();
      timetable_.saved(RunningClock::now());
    }
  }

  void run_epoch(flow::graph& graph) {
    if (!run_items(graph)) return;
    const auto ending_since = Clock::now();
    const Item last{position_.epoch, steps_per_epoch_ - 1, epoch_end_ - 1};
    for (const std::size_t i : finishing_) {
      const Plan::PlannedNode& planned = plan_.nodes[i];
      if (!planned.info->finish_epoch) continue;
      if (failed()) break;
      const auto begin = Clock::now();
      guarded(
          i, [&] { planned.info->finish_epoch(*planned.node, last); }, &last);
      const auto end = Clock::now();
      drain(graph);  // of what it has emitted
      stations_[i].finish_seconds += std::chrono::duration<double>(end - begin).count();
      if (trace_) trace_->body(planned.name, last, begin, end);
    }
    save_times_.epoch_end(Clock::now() - ending_since);
    check_joins();
    if (failed()) return;
    if (in_flight_ != 0)
      return guarded("",
                     [&] { throw Error(fmt::format("{} items were lost on their way", in_flight_.load())); });
    check_folder();
    if (failed()) return;
    guarded("", [&] { record_.epoch_done(last.epoch, epoch_end_); });
    board_.turn();
    ++position_.epoch;
    position_.index = 0;
    const auto every = static_cast<std::uint64_t>(plan_.run.save_every);
    meet();
    if (ending() || (every > 0 && position_.epoch % every == 0) ||
        timetable_.save_due(steps_done(), RunningClock::now())) {
      save_recorded();
      timetable_.saved(RunningClock::now());
    }
  }

  /// Between two items. Where one has come to one input of a node and not yet to another, what it carries
  /// cannot be saved: then the state saved last stays.
  void save_mid_epoch() {
    for (std::size_t i = 0; i < stations_.size(); ++i) {
      if (!stations_[i].join.incomplete()) continue;
      if (!std::exchange(told_half_, true) || ending())
        record_.say(fmt::format(
            "an item has come to some inputs of node '{}' only, which cannot be saved: {}",
            plan_.nodes[i].name, saved_ ? "the state saved last is kept" : "no state was saved before"));
      return;
    }
    save_recorded();
  }

  /// A state goes with what was reported before it. While that cannot be written, the state saved last stays,
  /// and training goes on.
  void save_recorded() {
    check_folder();
    if (failed()) return;
    const std::string trouble = record_.trouble();
    trouble.empty() ? save() : unsaved(trouble);
  }
  void unsaved(const std::string& why) {
    unsaved_ = why;
    record_.say("the state is not saved: " + why);
  }

  /// Held by all messages of an item.
  struct Ticket {
    Ticket(Runtime& run, Clock::time_point started) : run(run), started(started) {}
    ~Ticket() {
      if (counted) run.item_done(started);
    }
    Runtime& run;
    const Clock::time_point started;
    bool counted = false;
  };

  /// Lets one more item of this epoch start, unless the run is ending or pauses. Called on any thread, also
  /// in a destructor. `anyway`: also when it is time to pause.
  void start_item(Clock::time_point now, bool anyway = false) noexcept {
    // Ranks start the items up to where they meet, whatever one of them wants.
    if (failed() ||
        (!ranks_ && (signalled() || (!anyway && timetable_.time_to_pause(RunningClock::at(now))))))
      return;
    Message message;  // outlives the recording of a failure, as another item may start when it goes
    guarded("", [&] {
      const auto ticket = std::make_shared<Ticket>(*this, now);
      std::uint64_t step = next_step_;
      do {
        if (step >= pause_) return;
      } while (!next_step_.compare_exchange_weak(step, step + 1));
      message.ticket = ticket;
      ticket->counted = true;
      const std::uint64_t under_way = ++in_flight_;
      if (trace_) trace_->count(under_way);
      std::uint64_t most = most_in_flight_;
      while (under_way > most && !most_in_flight_.compare_exchange_weak(most, under_way)) {
      }
      message.item = {position_.epoch, step - (epoch_end_ - steps_per_epoch_), step};
      message.sequence = step - first_step_;
      message.sent = now;
      root_->try_put(message);
    });
  }

  void item_done(Clock::time_point started) noexcept {
    const std::uint64_t under_way = --in_flight_;
    if (!failed() && !trained_) guarded("", [&] { first_item_done(); });
    if (trace_) guarded("", [&] { trace_->count(under_way); });
    const auto now = Clock::now();
    save_times_.item(now - started);
    start_item(now);
  }

  void close_nodes() {
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      if (stations_[i].opened) guarded(i, [&] { plan_.nodes[i].node->close(); });
    guarded("", [&] { writer_.drain(); });
  }

  std::vector<Record::NodeTime> times() const {
    std::vector<Record::NodeTime> all;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const Station& one = stations_[i];
      all.push_back({plan_.nodes[i].name, plan_.nodes[i].info->type, one.items,
                     1e-9 * static_cast<double>(one.body_ns), 1e-9 * static_cast<double>(one.wait_ns),
                     1e-9 * static_cast<double>(one.idle_ns), one.finish_seconds});
    }
    return all;
  }

  /// A new run that failed before its first item was done leaves no state, which would stand in the way of
  /// the next run. Gives out whether there was one.
  bool free_directory() {
    if (!resume_.empty() || !saved_ || trained_ || !leads()) return false;
    try {
      for (const char* state : {state_name, previous_state_name}) record_.folder().remove(state);
    } catch (const Error&) {  // it stays: the run can be resumed
      return false;
    }
    return true;
  }

  ExitCode conclude() {
    guarded("", [&] { record_.write_all(); });
    ExitCode code = ExitCode::finished;
    End how = end().value_or(End{"finished", "all epochs done"});
    const std::string again =
        fmt::format("flowrun --resume {}",
                    (!leads() || directory().empty() ? resume_ : record_.folder().path()).string());
    if (failed()) {
      code = refused_ ? ExitCode::invalid : ExitCode::failed, how = {"failed", failures_.first()};
      Problems problems;
      problems.error(failures_.place(), how.reason);
      if (!refused_ || leads()) {  // all of them refuse alike
        if (ranks_) print_error(ranks_->name(ranks_->rank()) + ": ");
        print_error(failures_.place().text ? problems.str() : "error: " + how.reason + "\n");
      }
      if (ranks_ && !refused_) ranks_->fail();
      const bool lost = record_.lost(), unused = free_directory();
      for (const std::string& one : failures_.later())
        if (!lost) print_error(fmt::format("then: {}\n", one));
      if (unused)
        print_error(fmt::format("note: nothing was trained: '{}' may be used again with --output\n",
                                record_.folder().path().string()));
      else if (saved_ && !refused_ && started_ && !lost)
        print_error(fmt::format("note: goes on from where its state was last saved with {}\n", again));
    } else if (signalled() != 0 && !end()) {
      code = ExitCode::interrupted;
      how = {"interrupted", fmt::format("stopped by {}; {}", strsignal(signalled()),
                                        saved_ ? "goes on with " + again : "nothing was saved")};
    }
    if (!leads()) return code;
    try {
      record_.finish(how.status, how.reason, position_.epoch, steps_done(), times(), most_in_flight_,
                     save_times_.longest());
      if (code != ExitCode::failed) record_.write_all();
    } catch (const std::exception& error) {
      code = ExitCode::failed;
      print_error(fmt::format("error: {}\n", error.what()));
      if (ranks_) ranks_->fail();
    }
    return code;
  }

  Plan& plan_;
  Ranks* const ranks_;
  std::optional<Agreement> agreement_;  // with the other ranks
  const int threads_, max_in_flight_;
  const std::filesystem::path output_, resume_;
  const bool allow_changes_, quiet_;
  const std::optional<double> grace_;
  const std::filesystem::path trace_file_;
  MemoryLedger memory_;
  Record record_;
  Timetable timetable_;
  SaveTimes save_times_;
  Writer writer_{[this](const std::string& line) { record_.say(line); }};
  std::map<std::string, std::string> about_;

  ControlBoard board_;
  std::optional<SavedRun> resumed_;          // until the nodes have it back
  std::vector<std::string> changes_;         // where the graph is not that of the resumed run
  bool longer_ = false;                      // or shorter: among them is the run's length
  bool another_chance_ = false;              // for a run that was stopped: it may now go on otherwise
  bool refused_ = false;                     // for them
  bool try_previous_allowed_ = false;        // the graph is that of the resumed run,
  std::optional<std::string> try_previous_;  // but its newest state does not fit, for this reason: the one
                                             // before may
  bool started_ = false;
  bool opening_stopped_ = false;              // by a signal, which other ranks do not know of yet
  bool one_shares_ = false;                   // its batches with other ranks
  bool told_half_ = false;                    // that an item could not be saved
  bool saved_ = false;                        // there is a state on the disk
  std::shared_future<bool> saving_;           // of the state that was last given to be written
  std::optional<std::uint64_t> saved_epoch_;  // that it is the end of
  std::string unsaved_;                       // why a state was not even taken; empty: it was
  bool skipped_ = false;                      // a state was not saved while one was being written
  bool state_is_bad_ = false;                 // state.safetensors is (see write_saved_run)
  std::string graph_mark_;                    // see graph_mark()
  std::uint64_t steps_per_epoch_ = 0;
  bool streaming_ = false;        // items have begun,
  std::uint64_t first_step_ = 0;  // with that one of this process
  std::uint64_t epoch_end_ = 0;   // the step after the epoch's last
  std::uint64_t pause_ = 0;       // the step before which the stream pauses
  std::atomic<std::uint64_t> next_step_{0}, in_flight_{0}, most_in_flight_{0};

  std::optional<Trace> trace_;
  std::optional<TraceFile> trace_out_;
  std::vector<std::size_t> finishing_;  // all nodes, upstream first, but listeners last
  std::vector<std::size_t> listeners_;
  std::mutex hearing_;

  FailureLog failures_;
  std::mutex mutex_;                         // guards what follows
  Position position_;                        // its counters belong to the main thread
  std::optional<std::string> budget_spent_;  // which one; likewise
  std::atomic<bool> trained_{false};         // an item has gone through the whole graph
  std::atomic<bool> taken_over_{false};      // the resumed run

  // Last, so that they go first: messages that are left in them tell the rest of this object that they go.
  std::optional<flow::graph> graph_;                   // outlives the nodes below
  std::deque<Station> stations_;                       // one per node
  std::optional<flow::broadcast_node<Message>> root_;  // starts items: feeds every source,
  std::optional<flow::function_node<Message, flow::continue_msg>> nothing_;  // and this, which does nothing
};

ExitCode run(Plan& plan, const RunOptions& options) {
  const SignalGuard signals;
  const std::unique_ptr<Ranks> ranks = connect(plan.run);
  struct End {  // what is left is to leave the other ranks, in which MPI may hang
    ExitCode code = ExitCode::failed;
    ~End() { SignalGuard::end(code); }
  } end;
  try {
    const auto execute = [&] {
      try {
        return Runtime(plan, options, ranks.get()).execute();
      } catch (const NotRestored& refused) {
        Problems problems;
        Plan anew = make_saved_plan(plan.resolved_toml, plan.graph_name, {}, problems);
        if (!problems.empty()) throw;
        anew.graph_name = plan.graph_name;
        anew.graph_file = plan.graph_file;
        plan = std::move(anew);  // its nodes have not been opened yet
        return Runtime(plan, options, ranks.get(), refused.what()).execute();
      }
    };
    const ExitCode code = end.code = execute();
    // Whoever has started the ranks may end all of them once one has ended: not before the first one has
    // written.
    if (ranks && code != ExitCode::failed) ranks->values(ranks->channel(), char{}, "ending together");
    return code;
  } catch (const GraphChanged&) {
    end.code = ExitCode::invalid;
    throw;
  } catch (const std::exception& error) {
    if (!ranks) throw;
    print_error(fmt::format("{}: error: {}\n", ranks->name(ranks->rank()), error.what()));
    ranks->fail();
    return ExitCode::failed;
  }
}

}  // namespace

ExitCode run_plan(Plan& plan, const RunOptions& options) {
  ExitCode code = ExitCode::invalid;
  try {
    code = run(plan, options);
  } catch (const GraphChanged& changed) {
    print_error(fmt::format("error: {}\n", changed.what()));
  }
  Console::instance().flush();
  return code;
}

}  // namespace twinflow
