#include <cmath>

#include "schedule_unit.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// factor = rate^(t / every); with a staircase, t / every rounded down: Koch 2015 multiplies by 0.99 after
/// each epoch, that is rate 0.99, every 1, unit epochs.
class ExponentialSchedule : public Schedule {
 public:
  static void describe(Spec<ExponentialSchedule>& spec) {
    spec.summary("Falls by the same factor every so many updates or epochs.");
    spec.example(R"([node.twin]
schedule = { type = "exponential", rate = 0.99, every = 1, unit = "epochs" })");
    describe_rate(spec);
    spec.param("staircase", &ExponentialSchedule::staircase)
        .doc("fall in steps, after each `every`, rather than with each update");
  }

  double shape(const Moment& now) const override {
    const double steps = static_cast<double>(now.t) / in_updates(every, unit, now);
    return std::pow(rate, staircase ? std::floor(steps) : steps);
  }

  double rate = 0.99;
  std::uint64_t every = 100;
  Unit unit = Unit::updates;

 protected:
  template <class Type>
  static void describe_rate(Spec<Type>& spec) {
    spec.param("rate", &Type::rate).doc("factor per `every`").range(0.0, 1.0);
    spec.param("every", &Type::every).doc("how long one factor is for").range(1, 1e9);
    describe_unit(spec);
  }

 private:
  bool staircase = true;
};

/// The same, in steps that are few and large.
class StepSchedule final : public ExponentialSchedule {
 public:
  StepSchedule() { rate = 0.1, every = 1000; }

  static void describe(Spec<StepSchedule>& spec) {
    spec.summary("Falls to a tenth, or another part, after every so many updates or epochs.");
    spec.example(R"([node.twin]
schedule = { type = "step", rate = 0.1, every = 30, unit = "epochs" })");
    describe_rate(spec);
  }
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "exponential", ExponentialSchedule)
TWINFLOW_COMPONENT("schedule", "step", StepSchedule)

}  // namespace twinflow::twin
