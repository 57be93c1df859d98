#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "twinflow/spec.h"

namespace twinflow::twin {

/// When an update is made.
struct Moment {
  std::uint64_t t = 0;             // updates made before it
  std::uint64_t total = 1;         // of the whole run; t may reach or pass it
  double updates_per_epoch = 1.0;  // no whole number where an epoch ends amid accumulated batches
  std::uint64_t warming = 0;       // updates at the start that warm up; set by Schedule::factor()

  /// The part of the updates after the warm-up that are made: from 0 to 1, where it stays.
  double progress() const {
    if (t >= total) return 1.0;
    if (t <= warming) return 0.0;
    return static_cast<double>(t - warming) / static_cast<double>(total - warming);
  }
};

/// How the learning rate goes over the updates. Const and safe from any thread once its parameters are bound.
class Schedule {
 public:
  using Base = Schedule;
  static constexpr const char* family = "schedule";
  std::string type;
  double warmup = 0.0;

  virtual ~Schedule() = default;
  template <class Type>
  static void describe_common(Spec<Type>& spec) {
    spec.param("warmup", &Schedule::warmup)
        .doc("part of all updates in which the rate first rises, linearly from 0, to what the schedule says")
        .range(0.0, 1.0);
  }

  /// What the optimiser's learning_rate is multiplied by: with W = warmup x total, rounded, shape() times
  /// (t + 1) / W for t < W, and shape() itself from there on.
  double factor(Moment now) const {
    now.warming = static_cast<std::uint64_t>(std::round(warmup * static_cast<double>(now.total)));
    if (now.t >= now.warming) return shape(now);
    return (static_cast<double>(now.t) + 1.0) / static_cast<double>(now.warming) * shape(now);
  }

  /// What of it goes by the length of the run, so that there has to be one; empty: nothing does.
  std::string needs_length() const {
    return warmup > 0.0 ? "its warmup is a part of all updates" : shape_needs_length();
  }

 protected:
  virtual std::string shape_needs_length() const { return ""; }
  /// The factor but for the warm-up. What goes over the whole run goes by now.progress(), over the updates
  /// after the warm-up; what counts updates or epochs counts them from the start of the run.
  virtual double shape(const Moment& now) const = 0;
};

}  // namespace twinflow::twin
