#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "nearest_class.h"
#include "one_shot_tasks.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

struct Interval {
  double low = 0.0, high = 1.0;
};

/// The 95 % score interval of a proportion (Wilson 1927): it keeps within 0 .. 1 and holds for proportions
/// near 1. `successes` may be a fraction; trials > 0.
Interval wilson_interval(double successes, std::size_t trials);

/// A query, answered. Images are named by their index in the store.
struct Answered {
  std::span<const std::uint32_t> support;  // of its task,
  std::span<const std::int32_t> ways;      // and which way each shows
  std::uint32_t query = 0;
  std::int32_t right = 0, given = 0;      // ways; of nearest ways that tie, the right one, or else the first
  double score = 0.0;                     // 1, 0, or 1/k for k ways tied
  double to_right = 0.0, to_given = 0.0;  // distances
};
using Told = std::function<void(const Answered&)>;  // of every query, in order

struct OneShotScore {
  std::size_t trials = 0;  // queries
  double accuracy = 0.0;   // of 1; meaningless when collapsed
  Interval interval;
  /// The model tells nothing apart: all embeddings are alike (every number varies by less than 1e-5 of the
  /// largest number there is), or all distances equal.
  bool collapsed = false;
};

/// Embeddings of images of a store, and how far apart they are.
struct Embedded {
  const Embeddings& e;
  std::span<const std::uint32_t> row;  // by image of the store
  const Distance& distance;
  std::span<const float> weights;
};

/// Answers every query with the way that is nearest. k ways at the same smallest distance, the right one
/// among them, count 1/k. In parallel, and in parts: memory does not grow with the number of tasks. At least
/// one task. Throws NotFinite when a distance is not a finite number.
OneShotScore score_tasks(const TaskList& tasks, Classify classify, const Embedded& images,
                         const Told& told = {});

/// The nearest neighbour on pixels (L2), what any model has to be better than.
OneShotScore score_pixels(const TaskList& tasks, const PixelStore& store);

}  // namespace twinflow::twin
