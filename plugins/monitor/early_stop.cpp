#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "improvement.h"
#include "twinflow/plugin.h"
#include "watched.h"

namespace twinflow::monitor {

/// Keras' EarlyStopping: of the evaluations from start_epoch on, counts those since the last improvement, and
/// stops when they are `patience`. Reaching the threshold, or a value that is not finite, stops at once and
/// in any epoch.
class EarlyStop final : public Sink<Metrics>, public Watching {
 public:
  static void describe(NodeSpec<EarlyStop>& spec);
  void check(const Checking& checking) const;
  void open() override { improvement_ = improvement(); }
  void process(Metrics metrics, const Item& item) override;
  State save() const override;
  void restore(const State& state) override;

 private:
  std::uint64_t patience = 10, start_epoch = 0;
  std::vector<double> threshold;  // none or one

  Improvement improvement_;
  std::uint64_t waited_ = 0;  // evaluations since the last improvement
};

void EarlyStop::describe(NodeSpec<EarlyStop>& spec) {
  spec.summary("Ends the run when a metric stops improving, is good enough, or is no number any more.");
  spec.example(R"([node.stop]
type = "monitor.early_stop"
from = "one_shot"
monitor = "accuracy"
patience = 5)");
  spec.input("in").doc("what was measured");
  describe_watching(spec);
  spec.param("patience", &EarlyStop::patience)
      .min(1)
      .doc("evaluations in a row without improvement that end the run");
  spec.param("start_epoch", &EarlyStop::start_epoch)
      .unit("epochs")
      .doc("epochs at the start whose values neither count as waiting nor as best");
  spec.param("threshold", &EarlyStop::threshold)
      .doc("[value]: once it is reached, the run ends; []: no such value");
  spec.check(&EarlyStop::check);
}

void EarlyStop::check(const Checking& checking) const {
  check_mode(checking, mode, better, monitor);
  if (threshold.size() > 1) checking.error("threshold", "takes one value, as in [0.95], or none");
}

void EarlyStop::process(Metrics metrics, const Item&) {
  const double value = watched(metrics, monitor);
  if (!std::isfinite(value)) return run().stop(fmt::format("{} is not a finite number ({})", monitor, value));
  for (const double wanted : threshold)
    if (lower() ? value <= wanted : value >= wanted)
      return run().stop(fmt::format("{} has reached {} with {}", monitor, value_text(monitor, wanted),
                                    value_text(monitor, value)));
  if (metrics.epoch < start_epoch) return;

  waited_ = improvement_.see(value) ? 0 : waited_ + 1;
  if (waited_ >= patience)
    run().stop(fmt::format("{} has not improved on {} for {}", monitor,
                           value_text(monitor, *improvement_.best()), evaluations(waited_)));
}

State EarlyStop::save() const {
  State state;
  improvement_.save(state);
  state.values["waited"] = static_cast<std::int64_t>(waited_);
  return state;
}

void EarlyStop::restore(const State& state) {
  improvement_.restore(state);
  waited_ = static_cast<std::uint64_t>(state.value<std::int64_t>("waited"));
}

TWINFLOW_NODE("monitor.early_stop", EarlyStop)

}  // namespace twinflow::monitor
