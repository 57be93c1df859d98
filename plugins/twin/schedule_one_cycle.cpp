#include <cmath>
#include <numbers>

#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// One cycle (Smith and Topin 2018, "Super-convergence"; Smith 2018, arXiv:1803.09820), as PyTorch's
/// OneCycleLR counts it: half a cosine between the points
///
///   two phases:    update 0: 1/start, up T - 1: 1, T - 1: 1/(start end)
///   three phases:  update 0: 1/start, up T - 1: 1, 2 up T - 2: 1/start, T - 1: 1/(start end)
///
/// with T updates in all, `start` and `end` for start_divisor and end_divisor. learning_rate is the rate at
/// the top. Two phases fall from the top to the end at once, three come back down first and then annihilate,
/// as the papers have it. PyTorch's momentum, which goes down where the rate goes up, is not here.
class OneCycleSchedule final : public Schedule {
 public:
  static void describe(Spec<OneCycleSchedule>& spec) {
    spec.summary("Rises to the learning rate, then falls far below where it began (one-cycle policy).");
    spec.example(R"([node.twin]
schedule = { type = "one_cycle", up = 0.3 })");
    spec.param("up", &OneCycleSchedule::up).doc("part of all updates in which it rises").range(0.0, 1.0);
    spec.param("start_divisor", &OneCycleSchedule::start_divisor)
        .doc("it starts from 1 / start_divisor")
        .min(1.0);
    spec.param("end_divisor", &OneCycleSchedule::end_divisor)
        .doc("it ends that many times below its start")
        .min(1.0);
    spec.param("three_phases", &OneCycleSchedule::three_phases)
        .doc("come back to the start in as many updates as it rose, and only then fall to the end");
    spec.check(&OneCycleSchedule::check);
  }
  void check(const Checking& checking) const {
    if (three_phases && up > 0.5)
      checking.error("up", "with three phases at most half of the updates can rise: as many fall");
  }

  double shape(const Moment& now) const override {
    const double start = 1.0 / start_divisor, end = start / end_divisor;
    const double after = now.t < now.warming ? 0.0 : static_cast<double>(now.t - now.warming);
    const double all = static_cast<double>(now.total) - static_cast<double>(now.warming);
    const double top = up * all - 1.0, back = 2.0 * up * all - 2.0, last = all - 1.0;
    if (after <= top) return between(start, 1.0, after, 0.0, top);
    if (three_phases && after <= back) return between(1.0, start, after, top, back);
    return three_phases ? between(start, end, after, back, last) : between(1.0, end, after, top, last);
  }

 private:
  std::string shape_needs_length() const override { return "its cycle is the whole run"; }
  /// From `from` at `begin` to `to` at `end` along half a cosine, and `to` from there on.
  static double between(double from, double to, double at, double begin, double end) {
    const double part = at < end ? (at - begin) / (end - begin) : 1.0;
    return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * part));
  }

  double up = 0.3, start_divisor = 25.0, end_divisor = 1e4;
  bool three_phases = false;
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "one_cycle", OneCycleSchedule)

}  // namespace twinflow::twin
