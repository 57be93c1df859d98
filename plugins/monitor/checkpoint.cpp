#include <fmt/format.h>

#include <filesystem>
#include <string>

#include "improvement.h"
#include "twinflow/plugin.h"
#include "twinflow/tensors.h"
#include "watched.h"

namespace twinflow::monitor {

/// Writes <run directory>/<node name>.safetensors, atomically. To the model's own metadata it adds `epoch`
/// (counted from 1, as it is printed), `step`, `protocol` and each measured value as `metrics.NAME`.
class Checkpoint final : public Sink<Metrics>, public Watching {
 public:
  static void describe(NodeSpec<Checkpoint>& spec);
  void check(const Checking& checking) const { check_mode(checking, mode, better, monitor); }
  void open() override { improvement_ = improvement(); }
  void process(Metrics metrics, const Item& item) override;
  State save() const override;
  void restore(const State& state) override;
  void close() override;

 private:
  enum class Keep { best, last };

  Keep keep = Keep::best;

  Improvement improvement_;
  bool seen_ = false;  // whether anything was measured
  std::string saved_;  // for people: what was saved last; empty when nothing was

  std::filesystem::path file() const { return run().directory() / (name() + ".safetensors"); }
};

void Checkpoint::describe(NodeSpec<Checkpoint>& spec) {
  spec.summary("Keeps the best model on disk.");
  spec.example(R"([node.best]
type = "monitor.checkpoint"
from = "one_shot"
monitor = "accuracy")");
  spec.input("in").doc("what was measured, with the model it was measured on");
  describe_watching(spec);
  spec.param("keep", &Checkpoint::keep)
      .names({{"best", Keep::best}, {"last", Keep::last}})
      .doc("the model with the best value, or the one measured last");
  spec.check(&Checkpoint::check);
}

void Checkpoint::process(Metrics metrics, const Item&) {
  if (!metrics.model)
    throw Error(
        fmt::format("the metrics of epoch {} come without a model, so there is nothing to save: they have to "
                    "come from a node that measures a model",
                    metrics.epoch + 1));
  seen_ = true;
  const double value = watched(metrics, monitor);
  if (!improvement_.see(value) && keep == Keep::best) return;

  NamedTensors model = *metrics.model;
  model.metadata["epoch"] = fmt::format("{}", metrics.epoch + 1);
  model.metadata["step"] = fmt::format("{}", metrics.step);
  model.metadata["protocol"] = metrics.protocol;
  for (const auto& [name, number] : metrics.values)
    model.metadata["metrics." + name] = fmt::format("{}", number);
  write_safetensors(file(), model);
  saved_ = fmt::format("{} {} {}{}{} (epoch {}, step {})", keep == Keep::best ? "best" : "last", monitor,
                       value_text(monitor, value, metrics.values), metrics.protocol.empty() ? "" : ", ",
                       metrics.protocol, metrics.epoch + 1, metrics.step);
}

State Checkpoint::save() const {
  State state;
  improvement_.save(state);
  state.values["seen"] = seen_;
  state.values["saved"] = saved_;
  return state;
}

void Checkpoint::restore(const State& state) {
  improvement_.restore(state);
  seen_ = state.value<bool>("seen");
  saved_ = state.value<std::string>("saved");
  if (!saved_.empty() && !std::filesystem::exists(file()))
    run().say(fmt::format("{}: the model is not there any more: {}", saved_, file().string()));
}

void Checkpoint::close() {
  if (!saved_.empty())
    run().say(fmt::format("{}: {}", saved_, file().string()));
  else if (seen_)
    run().say(fmt::format("no model was saved: {} was never a finite number", monitor));
  else
    run().say("no model was saved: nothing was measured");
}

TWINFLOW_NODE("monitor.checkpoint", Checkpoint)

}  // namespace twinflow::monitor
