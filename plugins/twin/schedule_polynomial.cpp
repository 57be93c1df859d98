#include <cmath>

#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// factor = floor + (1 - floor) (1 - p)^power, p: the part of the updates after the warm-up that is made
/// (Keras' PolynomialDecay over the whole run).
class PolynomialSchedule final : public Schedule {
 public:
  static void describe(Spec<PolynomialSchedule>& spec) {
    spec.summary("Falls along a straight line, or a power of it, until the end of the run.");
    spec.example(R"([node.twin]
schedule = { type = "polynomial", power = 2.0, warmup = 0.05 })");
    spec.param("power", &PolynomialSchedule::power).doc("1: a straight line; 2: a parabola").min(1e-3);
    spec.param("floor", &PolynomialSchedule::floor).doc("factor that it falls to at the end").range(0.0, 1.0);
  }

  double shape(const Moment& now) const override {
    return floor + (1.0 - floor) * std::pow(1.0 - now.progress(), power);
  }

 private:
  std::string shape_needs_length() const override { return "it falls until the end of the run"; }
  double power = 1.0, floor = 0.01;
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "polynomial", PolynomialSchedule)

}  // namespace twinflow::twin
