#pragma once

#include <cstdint>
#include <string>

namespace twinflow::twin {

/// How the learning rate goes over the updates. Const and safe from any thread once its parameters are bound.
class Schedule {
 public:
  using Base = Schedule;
  static constexpr const char* family = "schedule";
  std::string type;

  virtual ~Schedule() = default;

  /// What the optimiser's learning_rate is multiplied by at update t, counted from 0, of `total`; t may reach
  /// or pass total.
  virtual double factor(std::uint64_t t, std::uint64_t total) const = 0;
};

}  // namespace twinflow::twin
