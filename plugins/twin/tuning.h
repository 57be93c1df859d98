#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "twinflow/spec.h"

namespace twinflow::twin {

struct Parameter;

/// What training does otherwise with the layers of some names: [[node.NAME.tune]].
struct Tuning {
  std::string layers;
  double learning_rate_scale = 1.0, gradient_scale = 1.0;
  std::optional<double> momentum = {};
  double l1 = 0.0, l2 = 0.0, bias_l1 = 0.0, bias_l2 = 0.0;
  std::optional<double> max_norm = {};
  std::vector<double> range = {};  // none, or low and high
  bool unit_norm = false, non_negative = false, frozen = false;
  std::optional<std::uint64_t> freeze_at = {}, unfreeze_at = {};

  static void describe(TableSpec<Tuning>& spec);
  void check(const Checking& checking) const;

  bool frozen_in(std::uint64_t epoch) const {
    return (frozen && !(unfreeze_at && epoch >= *unfreeze_at)) || (freeze_at && epoch >= *freeze_at);
  }
  bool constrains() const { return max_norm || unit_norm || non_negative || !range.empty(); }
};

/// The tuning of each layer; nullptr for one that no pattern names. Throws Error when two patterns name one
/// layer, or one names none.
std::vector<const Tuning*> match_tunings(std::span<const Tuning> tunings,
                                         std::span<const std::string> layers);

/// Adds dP/dw to the gradient of P = l1 sum |w| + l2 sum w^2 and returns P (0 is taken as the slope of |w| at
/// 0). The spans have one length.
double add_penalty(double l1, double l2, std::span<const float> weights, std::span<float> gradient);

/// Applies the constraints, in this order, to each row of `width` numbers (an output unit's or filter's
/// incoming weights; all that a distance has learned, its bias included, is one row), Keras' formulas with
/// epsilon 1e-7:
///
///   non_negative: w >= 0, others become 0          range: w clipped to [low, high]
///   max_norm:     w *= min(|w|, max) / (epsilon + |w|)      unit_norm: w /= epsilon + |w|
void constrain(const Tuning& tuning, std::span<float> rows, std::size_t width);

}  // namespace twinflow::twin
