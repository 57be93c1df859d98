#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "twinflow/spec.h"

namespace twinflow::twin {

/// One update of all weights.
struct UpdateStep {
  std::uint64_t t = 0;                  // updates made before it
  double rate = 0.0;                    // the learning rate now: learning_rate times the schedule's factor
  std::uint64_t epoch = 0;              // counted from 0
  std::optional<double> momentum = {};  // of this layer, in place of the optimiser's own
};

/// A tensor that is updated as one matrix, a row for each output (a filter, a unit). The arrays lie in a
/// layout of the engine's, all in the same one: work on single numbers needs no order, and what needs rows
/// goes there and back.
struct MatrixUpdate {
  std::span<float> weights;
  std::span<const float> gradient;
  std::span<float* const> slots;
  std::size_t rows = 0, columns = 0;
  std::function<std::vector<float>(std::span<const float>)> row_major;  // rows x columns numbers
  std::function<void(std::span<const float> row_major, std::span<float> laid_out)> lay_out;
};

/// Turns gradients into new weights. Const and safe from any thread once its parameters are bound; its memory
/// is the caller's: slots() arrays as large as the weights, zero before the first update.
class Optimizer {
 public:
  using Base = Optimizer;
  static constexpr const char* family = "optimizer";
  std::string type;
  double learning_rate = 1e-3, weight_decay = 0.0;

  virtual ~Optimizer() = default;
  template <class Type>
  static void describe_common(Spec<Type>& spec) {
    spec.param("learning_rate", &Optimizer::learning_rate)
        .doc("step size, before the schedule's factor")
        .min(0.0);
    spec.param("weight_decay", &Optimizer::weight_decay)
        .doc("each update first shrinks every weight by learning rate x weight_decay of itself")
        .min(0.0);
  }

  virtual std::size_t slots() const { return 0; }
  /// Whether UpdateStep::momentum means something to it: not where its own is 0 and it keeps no memory for
  /// one.
  virtual bool has_momentum() const { return false; }

  /// Changes `weights` and `slots` in place. Decay first, decoupled from the gradient:
  /// w -= rate weight_decay w. Each weight depends on nothing but its own gradient and slots,
  /// so the caller may cut all arrays alike into ranges and update these in parallel, in any order, to the
  /// same bits. The spans and slots[0 .. slots()-1] have one length and do not overlap.
  virtual void update(std::span<float> weights, std::span<const float> gradient,
                      std::span<float* const> slots, const UpdateStep& step) const = 0;

  /// Whether a tensor of these dimensions, outputs first, is updated by update_matrix() instead, whole.
  virtual bool takes_matrix(std::span<const std::int64_t> /*dims*/) const { return false; }
  /// For those. May work in parallel over the arena; the result does not depend on the number of threads.
  virtual void update_matrix(const MatrixUpdate& /*matrix*/, const UpdateStep& /*step*/) const {}

 protected:
  /// What the decay leaves of a weight.
  float keep(const UpdateStep& step) const { return static_cast<float>(1.0 - step.rate * weight_decay); }
};

}  // namespace twinflow::twin
