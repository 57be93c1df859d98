#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "improvement.h"
#include "twinflow/plugin.h"
#include "watched.h"

namespace twinflow::monitor {

/// Keras' EarlyStopping: of the evaluations from start_epoch on, counts those since the last improvement, and
/// stops when they are `patience`. With a baseline the best starts there. Reaching the threshold, or being
/// worse than `diverged`, stops without patience and in any epoch, for these are limits that the user has
/// set.
///
/// A run stops at an epoch's end: of models that are measured within an epoch, the rest of it is still
/// trained and measured, and the first reason is the one told.
///
/// A value that is not finite stops without patience, too, but only from start_epoch on: before it, the
/// metric need not say anything yet, and a network that tells no image from another in its first epochs,
/// which twin.evaluate gives as not-a-number, mostly learns to. If it stays so, start_epoch is as far as it
/// comes. (Weights that are not finite end the run in twin.train, in any epoch.)
class EarlyStop final : public Sink<Inputs<std::optional<Metrics>>>, public Listener, public Watching {
 public:
  static void describe(NodeSpec<EarlyStop>& spec);
  void check(const Checking& checking) const;
  void open() override { improvement_ = improvement(baseline); }
  void process(Inputs<std::optional<Metrics>> input, const Item&) override {
    const Metrics& metrics = *std::get<0>(input);
    see(watched(metrics, monitor), metrics.epoch);
  }
  void hear(std::string_view node, const Item&, const Numbers& values) override {
    if (heard) mean_.hear(monitor, node, values);
  }
  void finish_epoch(const Item& last) override {
    if (const auto mean = mean_.take()) see(*mean, last.epoch);
  }
  State save() const override;
  void restore(const State& state) override;

 private:
  std::uint64_t patience = 10, start_epoch = 0;
  std::optional<double> baseline, threshold, diverged;

  void see(double value, std::uint64_t epoch);
  bool worse(double value, double than) const { return lower() ? value > than : value < than; }

  Improvement improvement_;
  EpochMean mean_;
  std::uint64_t waited_ = 0;  // evaluations since the last improvement
};

void EarlyStop::describe(NodeSpec<EarlyStop>& spec) {
  spec.summary("Ends the run when a metric stops improving, is good enough, or is no number any more.");
  spec.example(R"([node.stop]
type = "monitor.early_stop"
from = "one_shot"
monitor = "accuracy"
patience = 5)");
  spec.input("in").doc("what was measured; nothing, to watch what any node reports");
  describe_watching(spec);
  spec.param("patience", &EarlyStop::patience)
      .min(1)
      .doc(
          "evaluations in a row without improvement that end the run, at the end of the epoch in which they "
          "are so many");
  spec.param("start_epoch", &EarlyStop::start_epoch)
      .unit("epochs")
      .doc(
          "epochs at the start whose values neither count as waiting nor as best, and need not be finite "
          "numbers");
  spec.param("baseline", &EarlyStop::baseline).doc("what has to be improved on from the beginning");
  spec.param("threshold", &EarlyStop::threshold)
      .doc("once it is reached, the run ends with the epoch, whichever it is");
  spec.param("diverged", &EarlyStop::diverged)
      .doc("once a value is worse, the run ends with the epoch, whichever it is");
  spec.check(&EarlyStop::check);
}

void EarlyStop::check(const Checking& checking) const {
  heard = !checking.fed_with<Metrics>("in");
  check_gain(checking, *this, better, monitor);
  for (const auto& [key, value] :
       {std::pair("threshold", threshold), {"baseline", baseline}, {"diverged", diverged}})
    if (is_fraction(monitor) && value && (*value < 0 || *value > 1))
      checking.error(key, fmt::format("'{}' goes from 0 to 1, and is never {}{}", monitor, *value,
                                      percent_hint(*value)));
  if (threshold && diverged && !worse(*diverged, *threshold))
    checking.error("diverged",
                   fmt::format("{} is not worse than the threshold, {}: every run would end at once",
                               *diverged, *threshold));
}

void EarlyStop::see(double value, std::uint64_t epoch) {
  if (diverged && worse(value, *diverged))
    return run().stop(fmt::format("{} has diverged: {} is worse than {}", monitor, value_text(monitor, value),
                                  value_text(monitor, *diverged)));
  if (threshold && std::isfinite(value) && !worse(value, *threshold))
    return run().stop(fmt::format("{} has reached {} with {}", monitor, value_text(monitor, *threshold),
                                  value_text(monitor, value)));
  if (epoch < start_epoch) return;
  if (!std::isfinite(value)) return run().stop(fmt::format("{} is not a finite number ({})", monitor, value));

  waited_ = improvement_.see(value) ? 0 : waited_ + 1;
  if (waited_ >= patience)
    run().stop(fmt::format("{} has not improved on {} for {}", monitor,
                           value_text(monitor, *improvement_.best()), evaluations(waited_)));
}

State EarlyStop::save() const {
  State state;
  improvement_.save(state);
  mean_.save(state);
  state.values["waited"] = static_cast<std::int64_t>(waited_);
  return state;
}

void EarlyStop::restore(const State& state) {
  improvement_.restore(state);
  mean_.restore(state);
  waited_ = static_cast<std::uint64_t>(state.value<std::int64_t>("waited"));
}

TWINFLOW_NODE("monitor.early_stop", EarlyStop)

}  // namespace twinflow::monitor
