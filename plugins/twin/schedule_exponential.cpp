#include <cmath>

#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// factor = rate^(t / every); with a staircase, t / every rounded down: Koch 2015 multiplies by 0.99 after
/// each epoch, that is rate 0.99, every = steps_per_epoch, staircase.
class ExponentialSchedule final : public Schedule {
 public:
  static void describe(Spec<ExponentialSchedule>& spec) {
    spec.summary("Falls by the same factor every so many updates.");
    spec.example(R"([node.twin]
schedule = { type = "exponential", rate = 0.99, every = 100 })");
    spec.param("rate", &ExponentialSchedule::rate).doc("factor per `every` updates").range(0.0, 1.0);
    spec.param("every", &ExponentialSchedule::every)
        .doc("updates that one factor is for")
        .unit("updates")
        .min(1);
    spec.param("staircase", &ExponentialSchedule::staircase)
        .doc("fall in steps, after each `every` updates, rather than with each update");
  }

  double factor(const Moment& now) const override {
    return std::pow(rate,
                    staircase ? static_cast<double>(now.t / every) : static_cast<double>(now.t) / every);
  }

 private:
  double rate = 0.99;
  std::uint64_t every = 100;
  bool staircase = true;
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "exponential", ExponentialSchedule)

}  // namespace twinflow::twin
