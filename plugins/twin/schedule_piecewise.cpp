#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "schedule_unit.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// factors[i], i: how many of the boundaries have been reached. The update or epoch that a boundary names is
/// the first with the new factor, as in PyTorch's MultiStepLR; Keras' PiecewiseConstantDecay starts one
/// later.
class PiecewiseSchedule final : public Schedule {
 public:
  static void describe(Spec<PiecewiseSchedule>& spec) {
    spec.summary("A factor for each stretch of the run.");
    spec.example(R"([node.twin]
schedule = { type = "piecewise", boundaries = [60, 120], factors = [1.0, 0.2, 0.04], unit = "epochs" })");
    spec.param("boundaries", &PiecewiseSchedule::boundaries)
        .doc("updates or epochs, counted from 0, from which on the next factor holds; they rise")
        .range(1, 1e9);
    spec.param("factors", &PiecewiseSchedule::factors)
        .doc("one before the first boundary, and one from each on")
        .min(0.0);
    describe_unit(spec);
    spec.check(&PiecewiseSchedule::check);
  }
  void check(const Checking& checking) const {
    if (factors.size() != boundaries.size() + 1)
      checking.error("factors", "needs one number more than there are boundaries, " +
                                    std::to_string(boundaries.size() + 1) + ", found " +
                                    std::to_string(factors.size()));
    if (std::adjacent_find(boundaries.begin(), boundaries.end(), std::greater_equal<>()) != boundaries.end())
      checking.error("boundaries", "each boundary has to be above the one before it");
  }

  double shape(const Moment& now) const override {
    return factors[static_cast<std::size_t>(
        std::count_if(boundaries.begin(), boundaries.end(), [&](std::uint64_t boundary) {
          return static_cast<double>(now.t) >= in_updates(boundary, unit, now);
        }))];
  }

  Unit unit = Unit::updates;

 private:
  std::vector<std::uint64_t> boundaries;
  std::vector<double> factors = {1.0};
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "piecewise", PiecewiseSchedule)

}  // namespace twinflow::twin
