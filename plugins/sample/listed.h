#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/random.h"

namespace twinflow::sample {

/// The pairs that a data set lists, drawn by their label.
class Listed {
 public:
  /// Throws Error, naming the data set, when it lists no pair of a label that has a share.
  Listed(const Dataset& data, double same_fraction);

  /// For each of `same` a pair of that label, left and right as listed. None comes twice before every one of
  /// its label was drawn.
  std::vector<ListedPair> draw(std::span<const std::uint8_t> same, Random& random) const;

 private:
  std::vector<ListedPair> pairs_[2];  // different ones, same ones
};

}  // namespace twinflow::sample
