#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace twinflow::twin {

/// One update of all weights.
struct UpdateStep {
  std::uint64_t t = 0;  // updates made before it
  double rate = 0.0;    // the learning rate now: learning_rate times the schedule's factor
};

/// Turns gradients into new weights. Const and safe from any thread once its parameters are bound; its memory
/// is the caller's: slots() arrays as large as the weights, zero before the first update.
class Optimizer {
 public:
  using Base = Optimizer;
  static constexpr const char* family = "optimizer";
  std::string type;
  double learning_rate = 1e-3;  // a parameter of every optimiser

  virtual ~Optimizer() = default;

  virtual std::size_t slots() const { return 0; }

  /// Changes `weights` and `slots` in place. Each weight depends on nothing but its own gradient and slots,
  /// so the caller may cut all arrays alike into ranges and update these in parallel, in any order, to the
  /// same bits. The spans and slots[0 .. slots()-1] have one length and do not overlap.
  virtual void update(std::span<float> weights, std::span<const float> gradient,
                      std::span<float* const> slots, const UpdateStep& step) const = 0;
};

}  // namespace twinflow::twin
