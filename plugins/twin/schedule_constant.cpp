#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// factor = 1.
class ConstantSchedule final : public Schedule {
 public:
  static void describe(Spec<ConstantSchedule>& spec) {
    spec.summary("The same learning rate throughout.");
    spec.example(R"([node.twin]
schedule = "constant")");
  }

  double shape(const Moment&) const override { return 1.0; }
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "constant", ConstantSchedule)

}  // namespace twinflow::twin
