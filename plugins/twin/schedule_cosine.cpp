#include <cmath>
#include <numbers>

#include "twinflow/plugin.h"
#include "twinflow/twin/schedule.h"

namespace twinflow::twin {
namespace {

/// Linear warm-up, then half a cosine (Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts).
/// With W = warmup x total, rounded:
///
///   t < W:      (t + 1) / W
///   otherwise:  floor + (1 - floor) (1 + cos(pi p)) / 2,    p = (t - W) / (total - W), at most 1
class CosineSchedule final : public Schedule {
 public:
  static void describe(Spec<CosineSchedule>& spec) {
    spec.summary("Warms up linearly, then falls along half a cosine.");
    spec.example(R"([node.twin]
schedule = { type = "cosine", warmup = 0.05 })");
    spec.param("warmup", &CosineSchedule::warmup).doc("part of all updates that warm up").range(0.0, 1.0);
    spec.param("floor", &CosineSchedule::floor).doc("factor that it falls to at the end").range(0.0, 1.0);
  }

  double factor(const Moment& now) const override {
    const double updates = static_cast<double>(now.t), all = static_cast<double>(now.total);
    const double warming = std::round(warmup * all);
    if (updates < warming) return (updates + 1.0) / warming;
    if (updates >= all) return floor;
    const double progress = (updates - warming) / (all - warming);
    return floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  }

 private:
  double warmup = 0.03, floor = 0.01;
};

}  // namespace

TWINFLOW_COMPONENT("schedule", "cosine", CosineSchedule)

}  // namespace twinflow::twin
