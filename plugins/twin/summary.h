#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "network.h"

namespace twinflow::twin {

/// What a network is, for people, before it is trained: layer by layer its output, parameters, GFLOP of an
/// image's forward pass and the code that oneDNN chose; then the sums, and the memory that training takes on
/// that many threads, the optimiser's included. The network is planned for `images`. One string a line.
std::vector<std::string> summary(const Network& network, std::size_t optimizer_bytes, std::size_t images,
                                 int threads);

}  // namespace twinflow::twin
