#include <algorithm>
#include <optional>

#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// factor = 1 / (1 + decay t), Keras' decay of its first optimisers. decay = 99 / T makes it 1/100 after T
/// updates; where none is given, T is the whole run.
class TimeDecaySchedule final : public Schedule {
 public:
  static void describe(Spec<TimeDecaySchedule>& spec) {
    spec.summary("Falls with one over the number of updates made; to a hundredth at the end, unless told.");
    spec.example(R"([node.twin]
schedule = { type = "time_decay", decay = 1e-3 })");
    spec.param("decay", &TimeDecaySchedule::decay)
        .doc("d of the factor 1 / (1 + d t) of update t; by default 99 over the updates of the run")
        .min(0.0);
  }

  double shape(const Moment& now) const override {
    const double total = static_cast<double>(std::max<std::uint64_t>(now.total, 1));
    return 1.0 / (1.0 + decay.value_or(99.0 / total) * static_cast<double>(now.t));
  }

 private:
  std::string shape_needs_length() const override {
    return decay ? "" : "without a decay it falls to a hundredth at the end of the run";
  }
  std::optional<double> decay;
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "time_decay", TimeDecaySchedule)

}  // namespace twinflow::twin
