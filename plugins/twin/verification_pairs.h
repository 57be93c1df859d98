#pragma once

#include <cstddef>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/random.h"

namespace twinflow::twin {

/// What pairs to draw from a data set of classes.
struct PairPlan {
  std::size_t pairs = 2000;
  double same_fraction = 0.5;     // rounded to whole pairs
  double negatives_in_group = 0;  // probability that a different pair stays within one group

  std::size_t same_pairs() const;
};

/// Same pairs, then different ones, each drawn anew: first a class, evenly, whatever its size, then images of
/// it. A same pair is of two images, and, where the data set knows who drew what, by two people: classes that
/// have no such pair are left out there. The other class of a different pair is any other, or any other of
/// its group.
///
/// Throws Error when the data set holds no such pair.
std::vector<ListedPair> draw_pairs(const Dataset& data, const PairPlan& plan, Random& random);

}  // namespace twinflow::twin
