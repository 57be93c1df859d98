#pragma once

#include <cstddef>

#include "trainer.h"
#include "twinflow/memory_need.h"

namespace twinflow::twin {

/// Says what a training with batches of that many images (on this rank, where each rank has its own) will
/// hold, and how large the models are that it gives out. Proxies and the pairs of a batch are left out.
/// `shares`: into how many parts batches are cut; 0: one for each of need.shared ranks. Nothing of that size
/// is allocated. Throws Error as Network's constructor does.
void count_training(const Recipe& recipe, Shape image, std::size_t batch, std::size_t shares,
                    MemoryNeed& need);

}  // namespace twinflow::twin
