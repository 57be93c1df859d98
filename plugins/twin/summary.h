#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "network.h"

namespace twinflow::twin {

/// What a network is, for people, before it is trained: layer by layer its output, parameters, GFLOP of an
/// image's forward pass and the code that oneDNN chose; then the sums, and the memory that a batch of that
/// many images takes. One string a line.
std::vector<std::string> summary(const Network& network, std::size_t images, int threads);

}  // namespace twinflow::twin
