#pragma once

#include <cstddef>
#include <span>

#include "twinflow/dataset.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

struct Interval {
  double low = 0.0, high = 1.0;
};

/// The 95 % score interval of a proportion (Wilson 1927): it keeps within 0 .. 1 and holds for proportions
/// near 1. `successes` may be a fraction; trials > 0.
Interval wilson_interval(double successes, std::size_t trials);

struct OneShotScore {
  std::size_t trials = 0;  // queries
  double accuracy = 0.0;   // of 1; meaningless when collapsed
  Interval interval;
  /// The model tells nothing apart: all embeddings are alike (every number varies by less than 1e-5 of the
  /// largest number there is), or all distances equal.
  bool collapsed = false;
};

/// Answers every query with the way whose support images have the smallest mean distance to it (with one
/// shot: the nearest image). k ways at the same smallest distance, the right one among them, count 1/k.
///
/// The tasks' images are rows of `e`; at least one task. Throws Error when a distance is not a finite number.
OneShotScore score_tasks(const Embeddings& e, std::span<const Task> tasks, const Distance& distance,
                         std::span<const float> distance_weights);

}  // namespace twinflow::twin
