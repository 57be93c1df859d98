#pragma once

// Plain nodes to prove the runtime with; runtime_test.cpp registers them.

#include <sys/resource.h>
#include <tbb/parallel_for.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "send_signal.h"
#include "twinflow/plugin.h"

namespace test_nodes {

using namespace twinflow;

struct Number {
  static constexpr const char* port_type = "number";
  double value = 0;
};
struct Word {
  static constexpr const char* port_type = "word";
  std::string text;
};
using NumberOrWord = std::variant<Number, Word>;

/// What the collecting sinks saw, by node name; cleared by each test.
struct Seen {
  std::vector<double> numbers;
  std::vector<std::uint64_t> steps;
  std::uint64_t epochs = 0;
  int opened = 0, closed = 0;
};
inline std::map<std::string, Seen> seen;
inline std::atomic<int> under_way{0}, most_under_way{0};
/// "node place": that node throws there, at item 5.
inline std::string throw_at;

/// Likewise: it sends this process a SIGTERM, once, after having passed there that often.
inline std::string raise_at;
inline int raise_after = 0;

inline void maybe_throw(const std::string& name, const std::string& place) {
  if (raise_at == name + " " + place && raise_after-- == 0) send_signal(SIGTERM);
  if (throw_at == name + " " + place) throw Error("told to fail in " + place);
}
/// Bodies take unequal time, so that items overtake each other.
inline void dawdle(Random random) {
  std::this_thread::sleep_for(std::chrono::microseconds(random.below(300)));
}

class Count final : public Source<Number> {
 public:
  static void describe(NodeSpec<Count>& spec) {
    spec.summary("Counts the steps of the run.");
    spec.param("first", &Count::first).doc("where to begin");
    spec.output("number");
  }
  void open() override { maybe_throw(name(), "open"); }
  Number make(const Item& item) const override {
    const int now = ++under_way;
    for (int most = most_under_way; now > most && !most_under_way.compare_exchange_weak(most, now);) {
    }
    dawdle(random(item, "time"));
    if (item.index == 5) maybe_throw(name(), "make");
    return {first + static_cast<double>(item.step)};
  }

 private:
  double first = 0;
};

class Constant final : public Constants {
 public:
  static void describe(NodeSpec<Constant>& spec) {
    spec.summary("A number made once.");
    spec.param("value", &Constant::value).doc("the number").required();
    spec.output("number", &Constant::make);
  }
  Number make() {
    ++seen[name()].opened;
    maybe_throw(name(), "constant");
    return {value};
  }

 private:
  double value = 0;
};

enum class Rounding { none, down };

class Scale final : public Map<Number, Number> {
 public:
  static void describe(NodeSpec<Scale>& spec) {
    spec.summary("Multiplies by a factor.");
    spec.param("factor", &Scale::factor).doc("what to multiply by").range(-10, 10).unit("apples");
    spec.param("jitter", &Scale::jitter).doc("range of a random addend").range(0, 1);
    spec.param("rounding", &Scale::rounding).names({{"none", Rounding::none}, {"down", Rounding::down}});
    spec.param("weights", &Scale::weights).doc("a list").min(0);
    spec.input("number");
    spec.input("offset", &Scale::offset).optional();
  }
  Number apply(Number input, const Item& item) const override {
    dawdle(random(item, "time"));
    if (item.index == 5) maybe_throw(name(), "apply");
    double value = input.value * factor + (offset ? offset->value : 0);
    value += random(item, "jitter").uniform(jitter[0], jitter[1]);
    return {rounding == Rounding::down ? std::floor(value) : value};
  }

 private:
  double factor = 1;
  std::array<double, 2> jitter{0, 0};
  Rounding rounding = Rounding::none;
  std::vector<int> weights;
  std::shared_ptr<const Number> offset;
};

/// A family of components, and two of them.
class Curve {
 public:
  using Base = Curve;
  static constexpr const char* family = "curve";
  std::string type;
  virtual ~Curve() = default;
  virtual double at(double x) const = 0;
};
class Line final : public Curve {
 public:
  static void describe(Spec<Line>& spec) {
    spec.summary("A straight line through 0.");
    spec.param("slope", &Line::slope).doc("how steep").range(-5, 5);
  }
  double at(double x) const override { return slope * x; }

 private:
  double slope = 1;
};
class Square final : public Curve {
 public:
  static void describe(Spec<Square>& spec) { spec.summary("A parabola."); }
  double at(double x) const override { return x * x; }
};

/// One step of a recipe: a nested table.
struct Stage {
  std::shared_ptr<const Curve> curve = default_component<Curve>("line");
  double add = 0;
  std::vector<std::int64_t> skip;

  static void describe(TableSpec<Stage>& spec) {
    spec.summary("One stage.");
    spec.param("curve", &Stage::curve).doc("goes first");
    spec.param("add", &Stage::add).doc("is added then").required().range(-1000, 1000);
    spec.param("skip", &Stage::skip).doc("numbers that go through as they are");
    spec.check(&Stage::check);
  }
  void check(const Checking& checking) const {
    if (skip.size() > 2) checking.error("skip", "no more than two can be skipped");
  }
  double at(double x) const {
    for (const std::int64_t one : skip)
      if (static_cast<double>(one) == x) return x;
    return curve->at(x) + add;
  }
};

class Recipe final : public Map<Number, Number> {
 public:
  static void describe(NodeSpec<Recipe>& spec) {
    spec.summary("Sends a number through stages.");
    spec.param("stage", &Recipe::stages).doc("one after the other");
    spec.param("last", &Recipe::last).doc("after all others");
    spec.check(&Recipe::check);
  }
  void check(const Checking& checking) const {
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (stages[i].add == 0 && stages[i].curve->type == "line")
        checking.error_at({"stage", i, "curve"}, "a stage that adds nothing needs another curve");
      for (std::size_t k = 0; k < stages[i].skip.size(); ++k)
        if (stages[i].skip[k] < 0) checking.error_at({"stage", i, "skip", k}, "too cold to be skipped");
    }
  }
  Number apply(Number input, const Item&) const override {
    for (const Stage& one : stages) input.value = one.at(input.value);
    return {last.at(input.value)};
  }

 private:
  std::vector<Stage> stages;
  Stage last;
};

/// Passes on whatever kind it is fed.
class Pass final : public Map<NumberOrWord, NumberOrWord> {
 public:
  static void describe(NodeSpec<Pass>& spec) { spec.summary("Passes numbers or words on."); }
  NumberOrWord apply(NumberOrWord input, const Item&) const override { return input; }
};

class Spell final : public Map<Number, Word> {
 public:
  static void describe(NodeSpec<Spell>& spec) { spec.summary("Writes a number as a word."); }
  Word apply(Number input, const Item&) const override { return {std::to_string(input.value)}; }
};

/// left - right + bonus, where the bonus need not be there.
class Subtract final : public Map<Inputs<Number, Number, std::optional<Number>>, Number> {
 public:
  static void describe(NodeSpec<Subtract>& spec) {
    spec.summary("Subtracts one stream from another.");
    spec.input("left");
    spec.input("right");
    spec.input("bonus");
  }
  Number apply(Inputs<Number, Number, std::optional<Number>> inputs, const Item& item) const override {
    dawdle(random(item, "time"));
    const auto& [left, right, bonus] = inputs;
    return {left.value - right.value + (bonus ? bonus->value : 0)};
  }
};

/// Emits every number twice: a node that breaks the rule for joins.
class Stutter final : public Stateful<Number> {
 public:
  static void describe(NodeSpec<Stutter>& spec) {
    spec.summary("Says everything twice.");
    spec.output("twice", &Stutter::twice);
  }
  void process(Number input, const Item& item) override {
    twice.emit(input, item);
    twice.emit(input, item);
  }

 private:
  Output<Number> twice;
};

/// Sums an epoch; emits every tenth running sum and, at the epoch's end, Metrics.
class Sum final : public Stateful<Number> {
 public:
  static void describe(NodeSpec<Sum>& spec) {
    spec.summary("Sums up.");
    spec.output("running", &Sum::running);
    spec.output("total", &Sum::total);
    spec.metric("sum", "the sum of the epoch", Better::higher);
  }
  void process(Number input, const Item& item) override {
    --under_way;
    if (item.index == 5) maybe_throw(name(), "process");
    sum += input.value;
    if (item.index % 10 == 9) running.emit({sum}, item);
  }
  void finish_epoch(const Item& last) override {
    maybe_throw(name(), "finish_epoch");
    report(last, {{"sum", sum}});
    total.emit({.node = name(),
                .epoch = last.epoch,
                .step = last.step,
                .values = {{"sum", sum}},
                .protocol = "",
                .model = nullptr},
               last);
    sum = 0;
  }
  State save() const override {
    maybe_throw(name(), "save");
    State state;
    state.values["sum"] = sum;
    return state;
  }
  void restore(const State& state) override {
    maybe_throw(name(), "restore");
    sum = state.value<double>("sum");
  }

 private:
  double sum = 0;
  Output<Number> running;
  Output<Metrics> total;
};

class Collect final : public Sink<Number> {
 public:
  static void describe(NodeSpec<Collect>& spec) { spec.summary("Keeps what it sees."); }
  void open() override { ++seen[name()].opened; }
  void process(Number input, const Item& item) override {
    seen[name()].numbers.push_back(input.value);
    seen[name()].steps.push_back(item.step);
  }
  void finish_epoch(const Item&) override { ++seen[name()].epochs; }
  void close() override {
    ++seen[name()].closed;
    maybe_throw(name(), "close");
  }
};

/// Beside the stream: keeps what others report.
class Hear final : public Beside, public Listener {
 public:
  static void describe(NodeSpec<Hear>& spec) { spec.summary("Keeps what it hears."); }
  void process(Inputs<>, const Item&) override {}
  void hear(std::string_view node, const Item& item, const Numbers& values) override {
    heard[std::string(node)] += values.size();
    seen[name()].steps.push_back(item.step);
  }
  void finish_epoch(const Item&) override {
    ++seen[name()].epochs;
    order.push_back(name());
  }

  static inline std::map<std::string, std::size_t> heard;
  static inline std::vector<std::string> order;  // of listeners' epochs
};

/// Has the run write something later.
class Later final : public Sink<Number> {
 public:
  static void describe(NodeSpec<Later>& spec) { spec.summary("Writes what it sees, in the background."); }
  void process(Number input, const Item&) override {
    last_ = run().later("a file", [value = input.value] { written.push_back(value); });
  }
  void close() override { seen[name()].closed += last_.get() ? 1 : 100; }

  static inline std::vector<double> written;

 private:
  std::shared_future<bool> last_;
};

class Watch final : public Sink<Metrics> {
 public:
  static void describe(NodeSpec<Watch>& spec) {
    spec.summary("Stops the run when a metric is large enough.");
    spec.param("monitor", &Watch::monitor);
    spec.param("enough", &Watch::enough);
    spec.watches("monitor", &Watch::monitor, &Watch::better);
  }
  void process(Metrics metrics, const Item& item) override {
    seen[name()].numbers.push_back(metrics.values.at(monitor));
    seen[name()].steps.push_back(item.step);
    if (metrics.values.at(monitor) >= enough) run().stop("enough is enough");
  }

 private:
  std::string monitor = "sum";
  Better better = Better::unknown;
  double enough = 1e300;
};

/// Gives every two numbers out in the other order.
class Swap final : public Stateful<Number> {
 public:
  static void describe(NodeSpec<Swap>& spec) {
    spec.summary("Swaps neighbours.");
    spec.output("swapped", &Swap::swapped);
  }
  void process(Number input, const Item& item) override {
    if (item.index % 2 == 0) {
      first = {input, item};
    } else {
      swapped.emit(input, item);
      swapped.emit(first.first, first.second);
    }
  }

 private:
  std::pair<Number, Item> first;
  Output<Number> swapped;
};

/// A source of either kind that says one and gives the other.
class Either final : public Source<NumberOrWord> {
 public:
  static void describe(NodeSpec<Either>& spec) { spec.summary("Gives words, where numbers are planned."); }
  NumberOrWord make(const Item&) const override { return Word{"no number"}; }
};

/// A finite source.
class List final : public Source<Number> {
 public:
  static void describe(NodeSpec<List>& spec) {
    spec.summary("Gives the numbers of a list.");
    spec.param("numbers", &List::numbers).doc("one an item");
  }
  std::uint64_t items() const override {
    maybe_throw(name(), "items");
    return numbers.size();
  }
  Number make(const Item& item) const override { return {numbers[item.index]}; }

 private:
  std::vector<double> numbers;
};

/// Sends this process a signal at a step.
class Raise final : public Map<Number, Number> {
 public:
  static void describe(NodeSpec<Raise>& spec) {
    spec.summary("Raises a signal.");
    spec.param("at", &Raise::at).doc("the step; negative: never");
    spec.param("signal", &Raise::signal).doc("its number");
  }
  Number apply(Number input, const Item& item) const override {
    if (static_cast<std::int64_t>(item.step) == at) send_signal(signal);
    return input;
  }

 private:
  std::int64_t at = -1;
  int signal = SIGTERM;
};

/// Goes by the length of the run.
class Ahead final : public Map<Number, Number> {
 public:
  static void describe(NodeSpec<Ahead>& spec) {
    spec.summary("Gives out how many items the run has.");
    spec.check(&Ahead::check);
  }
  void check(const Checking& checking) const {
    if (checking.open_ended()) checking.error("type", "it needs to know how long the run is");
  }
  Number apply(Number, const Item&) const override { return {static_cast<double>(run().steps())}; }
};

/// Reports every item, and meanwhile keeps files from growing.
class Cramp final : public Sink<Number> {
 public:
  static void describe(NodeSpec<Cramp>& spec) {
    spec.summary("Reports while files may not grow.");
    spec.param("begin", &Cramp::begin).doc("the step at which files may grow no more");
    spec.param("until", &Cramp::until).doc("the step at which they may again");
  }
  void process(Number input, const Item& item) override {
    const auto step = static_cast<std::int64_t>(item.step);
    if (step == begin) limit_files(std::filesystem::file_size(run().directory() / "metrics.jsonl") + 10);
    if (step == until) limit_files(RLIM_INFINITY);
    report(item, {{"number", input.value}});
  }
  static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }

 private:
  std::int64_t begin = -1, until = -1;
};

/// Images without pixels: only their shape is talked of, while a graph is checked.
class Canvas final : public Constants {
 public:
  static void describe(NodeSpec<Canvas>& spec) {
    spec.summary("Makes numbers that stand for square images of two channels.");
    spec.param("size", &Canvas::size).doc("0: only the run will tell").min(0);
    spec.param("odd", &Canvas::odd).doc("whether an odd size is allowed");
    spec.output("images", &Canvas::make);
    spec.output("more", &Canvas::make);
    spec.image_shape(&Canvas::image_shape);
    spec.check(&Canvas::check);
  }
  void check(const Checking& checking) const {
    if (size % 2 != 0 && !odd) checking.error("size", "an odd size");
  }
  std::optional<ImageShape> image_shape(std::optional<ImageShape>) const {
    if (size == 0) return std::nullopt;
    return {{2, size, size}};
  }
  Number make() { return {}; }

 private:
  std::size_t size = 0;
  bool odd = true;
};

/// Says nothing of shapes.
class Draw final : public Source<Number> {
 public:
  static void describe(NodeSpec<Draw>& spec) {
    spec.summary("Draws from a canvas.");
    spec.input("images", &Draw::images);
  }
  Number make(const Item&) const override { return *images; }

 private:
  std::shared_ptr<const Number> images;
};

class Halve final : public Map<Number, Number> {
 public:
  static void describe(NodeSpec<Halve>& spec) {
    spec.summary("Makes images half as high.");
    spec.image_shape(&Halve::image_shape);
  }
  std::optional<ImageShape> image_shape(std::optional<ImageShape> fed) const {
    if (fed) fed->height /= 2;
    return fed;
  }
  Number apply(Number input, const Item&) const override { return input; }
};

/// Looks at two streams of images and a constant beside them.
class Look final : public Sink<Inputs<Number, std::optional<Number>>> {
 public:
  static void describe(NodeSpec<Look>& spec) {
    spec.summary("Wants images of one height.");
    spec.param("height", &Look::height).doc("which");
    spec.input("images");
    spec.input("more");
    spec.input("canvas", &Look::canvas).optional();
    spec.check(&Look::check);
  }
  void check(const Checking& checking) const {
    for (const char* input : {"images", "more", "canvas"})
      if (const auto shape = checking.image_shape(input); shape && shape->height != height)
        checking.error("height", std::string("on '") + input + "' are images of " + shape->text());
  }
  void process(Inputs<Number, std::optional<Number>>, const Item&) override {}

 private:
  std::size_t height = 0;
  std::shared_ptr<const Number> canvas;
};

/// Adds slices to the trace: of this thread, one inside of the other, and of whatever threads help.
class Busy final : public Map<Number, Number> {
 public:
  static void describe(NodeSpec<Busy>& spec) { spec.summary("Says what it is busy with."); }
  Number apply(Number input, const Item& item) const override {
    {
      std::string kind = item.index % 2 == 0 ? "an even item, whose name is long" : "odd item";
      const Slice slice(run().trace(), kind);
      const Slice inner(run().trace(), "inner");
      tbb::parallel_for(0, 4, [&](int) {
        const Slice part(run().trace(), "part");
        dawdle(random(item, "time"));
      });
    }
    traced = run().trace() != nullptr;
    return input;
  }
  static inline std::atomic<bool> traced{false};
};

/// Gives every number out three items late, and the last ones at the epoch's end.
class Delay final : public Stateful<Number> {
 public:
  static void describe(NodeSpec<Delay>& spec) {
    spec.summary("Is late.");
    spec.output("late", &Delay::late);
  }
  void process(Number input, const Item& item) override {
    waiting.emplace_back(input, item);
    if (waiting.size() > 3) give();
  }
  void finish_epoch(const Item&) override {
    while (!waiting.empty()) give();
  }

 private:
  void give() {
    late.emit(waiting.front().first, waiting.front().second);
    waiting.pop_front();
  }
  std::deque<std::pair<Number, Item>> waiting;
  Output<Number> late;
};

/// Publishes every number, and reports before there is a run directory.
class Announce final : public Sink<Number> {
 public:
  static void describe(NodeSpec<Announce>& spec) {
    spec.summary("Publishes what it sees.");
    spec.publishes("announced", &Announce::announced).doc("the last number of an epoch");
  }
  void open() override { report({}, {{"opened", 1.0}}); }
  void process(Number input, const Item&) override { announced.set(input.value); }

 private:
  Publisher announced;
};

class Listen final : public Map<Number, Number> {
 public:
  static void describe(NodeSpec<Listen>& spec) {
    spec.summary("Gives out what was announced.");
    spec.reads("announced", &Listen::announced).doc("instead of its input");
  }
  Number apply(Number, const Item&) const override { return {announced.get()}; }

 private:
  Reader announced{-1.0};
};

}  // namespace test_nodes
