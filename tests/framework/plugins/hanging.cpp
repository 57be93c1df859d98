// A plugin that does not return, as on a disk that hangs.
#include <chrono>
#include <thread>

#include "number.h"
#include "twinflow/plugin.h"

class Hang final : public twinflow::Source<PluginNumber> {
 public:
  static void describe(twinflow::NodeSpec<Hang>& spec) {
    spec.summary("Counts, and stops doing so.");
    spec.param("where", &Hang::where)
        .names({{"nowhere", Where::nowhere},
                {"open", Where::open},
                {"make", Where::make},
                {"write", Where::write}})
        .doc("what does not return: open(), make() or a job of the writing thread");
    spec.param("pause", &Hang::pause).doc("time that an item takes").unit("seconds").min(0);
  }
  void open() override {
    if (where == Where::open) hang();
  }
  PluginNumber make(const twinflow::Item& item) const override {
    if (item.step == 5 && where == Where::write) run().later("a file", [] { hang(); });
    if (item.step == 5 && where == Where::make) hang();
    std::this_thread::sleep_for(std::chrono::duration<double>(pause));
    return {};
  }

 private:
  [[noreturn]] static void hang() {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  enum class Where { nowhere, open, make, write } where = Where::nowhere;
  double pause = 0.0;
};
TWINFLOW_NODE("hanging.source", Hang)

class Count final : public twinflow::Sink<PluginNumber> {
 public:
  static void describe(twinflow::NodeSpec<Count>& spec) {
    spec.summary("Counts what it gets.");
    spec.metric("count", "how many came");
  }
  void process(PluginNumber, const twinflow::Item& item) override {
    report(item, {{"count", static_cast<double>(++count)}});
  }
  twinflow::State save() const override {
    twinflow::State state;
    state.values["count"] = count;
    return state;
  }
  void restore(const twinflow::State& state) override { count = state.value<std::int64_t>("count"); }

 private:
  std::int64_t count = 0;
};
TWINFLOW_NODE("hanging.sink", Count)

TWINFLOW_PLUGIN("hanging", "1", "nobody", "Does not return.")
