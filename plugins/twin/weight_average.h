#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "network.h"
#include "twinflow/hash.h"
#include "twinflow/state.h"

namespace twinflow::twin {

/// An exponential moving average of all tensors of a network, moving averages of batch normalisation
/// included, and of what its distance has learned (Polyak & Juditsky 1992 in the exponential form), which
/// often measures better than the last weights. After update t, counted from 0:
///
///   average = d average + (1 - d) weights,    d = min(decay, (1 + t) / (10 + t))
///
/// so that the start is soon forgotten (TensorFlow's ExponentialMovingAverage with num_updates).
class WeightAverage {
 public:
  /// `distance_weights` have to stay where they are, as the network's do.
  WeightAverage(Network& network, std::span<const float> distance_weights, double decay);

  void update(std::uint64_t t);
  /// The network's, row-major, by their names.
  NamedTensors tensors() const;
  const std::vector<float>& distance_weights() const { return distance_.values; }

  void save(State& state) const;
  /// Throws Error when a tensor is missing or of another size.
  void restore(const State& state);
  /// Adds what save() would hold, as it lies in memory: for comparing ranks.
  void add_to(StableHash& hash) const;

 private:
  struct Average {
    const Parameter* parameter;  // nullptr: the distance's
    std::span<const float> weights;
    std::vector<float> values;
  };
  std::vector<Average> all_;  // the network's
  Average distance_;
  double decay_;
};

}  // namespace twinflow::twin
