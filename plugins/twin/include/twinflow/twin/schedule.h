#pragma once

#include <cstdint>
#include <string>

namespace twinflow::twin {

/// When an update is made.
struct Moment {
  std::uint64_t t = 0;      // updates made before it
  std::uint64_t total = 1;  // of the whole run; t may reach or pass it
  std::uint64_t updates_per_epoch = 1;
};

/// How the learning rate goes over the updates. Const and safe from any thread once its parameters are bound.
class Schedule {
 public:
  using Base = Schedule;
  static constexpr const char* family = "schedule";
  std::string type;

  virtual ~Schedule() = default;

  /// What the optimiser's learning_rate is multiplied by.
  virtual double factor(const Moment& now) const = 0;
};

}  // namespace twinflow::twin
