#pragma once

#include <cstddef>
#include <vector>

#include "twinflow/random.h"

namespace twinflow::sample {

/// `count` numbers of 0 .. from-1 in random order, without replacement; where they are more than `from`,
/// every number comes up before any comes again. `from` is at least 1, unless `count` is 0.
std::vector<std::size_t> choose_evenly(Random& random, std::size_t from, std::size_t count);

}  // namespace twinflow::sample
