#include <cmath>
#include <numbers>

#include "schedule_unit.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// Half a cosine (Loshchilov and Hutter 2017, "SGDR", equation 5) over all updates after the warm-up:
///
///   floor + (1 - floor) (1 + cos(pi p)) / 2,    p: the part of them that is made
///
/// With restarts p goes from 0 to 1 over `period`, counted from the end of the warm-up, then again over
/// `multiplier` times as long, and so on (their T_0 and T_mult), and takes no notice of the run's length.
class CosineSchedule final : public Schedule {
 public:
  CosineSchedule() { warmup = 0.03; }

  static void describe(Spec<CosineSchedule>& spec) {
    spec.summary("Warms up linearly, then falls along half a cosine, once or again and again.");
    spec.example(R"([node.twin]
schedule = { type = "cosine", warmup = 0.05 })");
    spec.param("floor", &CosineSchedule::floor).doc("factor that it falls to at the end").range(0.0, 1.0);
    spec.param("period", &CosineSchedule::period)
        .doc("length of the first fall where it is to start again after each (SGDR); 0: one, over the run")
        .range(0, 1e9);
    spec.param("multiplier", &CosineSchedule::multiplier)
        .doc("each further fall lasts that many times as long as the one before")
        .range(1, 1000);
    describe_unit(spec);
    spec.check(&CosineSchedule::check);
  }
  void check(const Checking& checking) const {
    if (multiplier > 1 && period == 0)
      checking.error("multiplier", "multiplier needs a period: without one there is a single fall");
  }

  double shape(const Moment& now) const override {
    const double p = period == 0 ? now.progress() : restarted(now);
    return floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * p));
  }

  Unit unit = Unit::updates;

 private:
  std::string shape_needs_length() const override {
    return period == 0 ? "without a period it falls until the end of the run" : "";
  }
  double restarted(const Moment& now) const {
    double at = now.t < now.warming ? 0.0 : static_cast<double>(now.t - now.warming);
    double length = in_updates(period, unit, now);
    if (multiplier == 1) at = std::fmod(at, length);
    while (at >= length) at -= length, length *= static_cast<double>(multiplier);
    return at / length;
  }

  double floor = 0.01;
  std::uint64_t period = 0, multiplier = 1;
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "cosine", CosineSchedule)

}  // namespace twinflow::twin
