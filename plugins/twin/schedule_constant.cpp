#include "schedule.h"
#include "twinflow/plugin.h"

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

  double factor(std::uint64_t, std::uint64_t) const override { return 1.0; }
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "constant", ConstantSchedule)

}  // namespace twinflow::twin
