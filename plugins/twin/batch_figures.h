#pragma once

#include <optional>
#include <span>

#include "twinflow/twin/embeddings.h"
#include "twinflow/twin/loss.h"

namespace twinflow::twin {

/// What is told of a batch besides its loss.
struct BatchFigures {
  double same = 0.0, different = 0.0;  // mean distances; 0 where there are no such pairs
  /// The mean of the part of same and of the part of different pairs that are told rightly, so that it does
  /// not matter how many there are of each; of one kind alone where the other is missing. A pair is called
  /// different from the threshold on.
  double accuracy = 0.0;
};

/// `threshold`: empty for the best one of this batch.
BatchFigures figures_of(const Labels& labels, std::span<const IndexPair> pairs,
                        std::span<const float> distances, std::optional<double> threshold);

}  // namespace twinflow::twin
