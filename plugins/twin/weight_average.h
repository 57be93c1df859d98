#pragma once

#include <cstdint>
#include <vector>

#include "network.h"
#include "twinflow/state.h"

namespace twinflow::twin {

/// An exponential moving average of all tensors of a network, moving averages of batch normalisation included
/// (Polyak & Juditsky 1992 in the exponential form), which often measures better than the last weights. After
/// update t, counted from 0:
///
///   average = d average + (1 - d) weights,    d = min(decay, (1 + t) / (10 + t))
///
/// so that the start is soon forgotten (TensorFlow's ExponentialMovingAverage with num_updates).
class WeightAverage {
 public:
  WeightAverage(Network& network, double decay);

  void update(std::uint64_t t);
  /// Row-major, by their names.
  NamedTensors tensors() const;

  void save(State& state) const;
  /// Throws Error when a tensor is missing or of another size.
  void restore(const State& state);

 private:
  struct Average {
    Network::Stored of;
    std::vector<float> values;
  };
  std::vector<Average> all_;
  double decay_;
};

}  // namespace twinflow::twin
