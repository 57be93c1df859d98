// A sink that keeps state and writes a file. A run that is killed and resumed ends with the same file as one
// that was not: all that process() changes is in save(), and the file is made of nothing else.
#include <map>
#include <string>

#include "twinflow/folder.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

class Tally final : public twinflow::Sink<twinflow::ImageBatch> {
 public:
  static void describe(twinflow::NodeSpec<Tally>& spec) {
    spec.summary("Counts how often each class has been seen, and writes the counts after every epoch.");
    spec.first_rank_only();     // of several ranks, one writes
    spec.writes({"NAME.txt"});  // no other node of the graph may
  }

  /// One item at a time, in their order.
  void process(twinflow::ImageBatch batch, const twinflow::Item&) override {
    for (const std::int32_t id : batch.classes) ++seen_["class " + std::to_string(id)];
  }
  /// The run's writing thread writes, and tries again where the disk is full: it is given a copy.
  void finish_epoch(const twinflow::Item& last) override {
    std::string text = "after epoch " + std::to_string(last.epoch + 1) + "\n";
    for (const auto& [id, count] : seen_) text += id + ": " + std::to_string(count) + "\n";
    run().later("the counts of '" + name() + "'", [folder = run().folder(), file = name() + ".txt", text] {
      folder.write_atomically(file, text);
    });
  }

  twinflow::State save() const override {
    twinflow::State state;
    for (const auto& [id, count] : seen_) state.values[id] = count;
    return state;
  }
  void restore(const twinflow::State& state) override {
    seen_.clear();
    for (const auto& [id, count] : state.values) seen_[id] = state.value<std::int64_t>(id);
  }

 private:
  std::map<std::string, std::int64_t> seen_;
};
TWINFLOW_NODE("example.tally", Tally)
