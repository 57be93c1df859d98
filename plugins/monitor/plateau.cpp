#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "improvement.h"
#include "twinflow/plugin.h"
#include "watched.h"

namespace twinflow::monitor {

/// Keras' ReduceLROnPlateau: counts the evaluations since the last improvement; when they are `patience`, the
/// factor that it publishes is multiplied by `factor`, down to min_factor, and for `cooldown` evaluations
/// none is counted (Keras counts the last of them). A value that is not finite is no improvement. Trainers
/// follow from the next epoch on.
class Plateau final : public Sink<Inputs<std::optional<Metrics>>>, public Listener, public Watching {
 public:
  static void describe(NodeSpec<Plateau>& spec);
  void check(const Checking& checking) const {
    heard = !checking.fed_with<Metrics>("in");
    check_gain(checking, *this, better, monitor);
  }
  void open() override { improvement_ = improvement(); }
  void process(Inputs<std::optional<Metrics>> input, const Item&) override {
    see(watched(*std::get<0>(input), monitor));
  }
  void hear(std::string_view node, const Item&, const Numbers& values) override {
    if (heard) mean_.hear(monitor, node, values);
  }
  void finish_epoch(const Item&) override {
    if (const auto mean = mean_.take()) see(*mean);
  }
  State save() const override;
  void restore(const State& state) override;

 private:
  double factor = 0.1, min_factor = 1e-4;
  std::uint64_t patience = 5, cooldown = 0;
  Publisher published;

  void see(double value);

  Improvement improvement_;
  EpochMean mean_;
  double now_ = 1.0;           // what is published
  std::uint64_t waited_ = 0;   // evaluations since the last improvement or reduction
  std::uint64_t cooling_ = 0;  // evaluations that are still not counted
};

void Plateau::describe(NodeSpec<Plateau>& spec) {
  spec.summary("Slows the learning down when a metric stops improving.");
  spec.example(R"([node.slow_down]
type = "monitor.plateau"
from = "one_shot"
monitor = "accuracy"
factor = 0.5
patience = 3

[node.stop]                        # only when slower did not help either
type = "monitor.early_stop"
from = "one_shot"
monitor = "accuracy"
patience = 8)");
  spec.input("in").doc("what was measured; nothing, to watch what any node reports");
  describe_watching(spec);
  spec.param("factor", &Plateau::factor)
      .doc("what each reduction multiplies the learning rate by")
      .range(0, 0.999999);
  spec.param("patience", &Plateau::patience)
      .min(1)
      .doc("evaluations in a row without improvement before a reduction");
  spec.param("cooldown", &Plateau::cooldown).doc("evaluations after a reduction that are not counted");
  spec.param("min_factor", &Plateau::min_factor)
      .doc("the product of all reductions stays at least this")
      .range(0, 1);
  spec.publishes("learning_rate_factor", &Plateau::published)
      .doc("the product of all reductions, by which trainers multiply their learning rate");
  spec.check(&Plateau::check);
}

void Plateau::see(double value) {
  const bool improved = improvement_.see(value);
  if (cooling_ > 0)
    --cooling_;
  else
    waited_ = improved ? 0 : waited_ + 1;
  if (waited_ >= patience && now_ > min_factor) {
    now_ = std::max(now_ * factor, min_factor);
    run().say(fmt::format("{} has not improved for {}: the learning rate goes on at {:.6g} of itself",
                          monitor, evaluations(waited_), now_));
    cooling_ = cooldown;
    waited_ = 0;
  }
  published.set(now_);
}

State Plateau::save() const {
  State state;
  improvement_.save(state);
  mean_.save(state);
  state.values["factor"] = now_;
  state.values["waited"] = static_cast<std::int64_t>(waited_);
  state.values["cooling"] = static_cast<std::int64_t>(cooling_);
  return state;
}

void Plateau::restore(const State& state) {
  improvement_.restore(state);
  mean_.restore(state);
  now_ = state.value<double>("factor");
  waited_ = static_cast<std::uint64_t>(state.value<std::int64_t>("waited"));
  cooling_ = static_cast<std::uint64_t>(state.value<std::int64_t>("cooling"));
}

TWINFLOW_NODE("monitor.plateau", Plateau)

}  // namespace twinflow::monitor
