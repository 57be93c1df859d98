#pragma once

#include <cstddef>

namespace twinflow::twin {

/// What a network takes, in bytes.
struct NetworkMemory {
  std::size_t weights = 0, gradients = 0;  // f32, as an optimiser sees them
  std::size_t copies = 0;                  // of the weights, in other layouts or types
  std::size_t passes = 0;                  // activations and their gradients, and what layers keep of a batch
  std::size_t trained = 0;                 // numbers, not bytes: of the weights that are trained

  std::size_t sum() const { return weights + gradients + copies + passes; }
};

}  // namespace twinflow::twin
