#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "network.h"
#include "twinflow/twin/distance.h"

namespace twinflow::twin {

/// "111680 parameters and 512 moving averages": how many numbers training changes by gradients, the
/// distance's included, and how many it keeps of batch normalisation. Throws Error as Network's constructor
/// does.
std::string numbers_text(const Layers& layers, Shape image, const Distance& distance);

/// What a network is, for people, before it is trained: layer by layer its output, parameters, GFLOP of an
/// image's forward pass and the code that oneDNN chose; then the sums, beginning with `numbers`, and the
/// memory that training takes on that many threads, the optimiser's included. The network is planned for
/// `images`. One string a line.
std::vector<std::string> summary(const Network& network, const std::string& numbers,
                                 std::size_t optimizer_bytes, std::size_t images, int threads);

}  // namespace twinflow::twin
