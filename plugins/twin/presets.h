#pragma once

#include <string>
#include <vector>

#include "twinflow/twin/layer.h"

namespace twinflow::twin {

/// Networks that have a name:
///  - conv4: four times conv 3x3 (64) - batch_norm - relu - max_pool 2, then l2_normalize (Vinyals et al.
///  2016).
///  - residual: conv 3x3 (32) - batch_norm - relu - max_pool, three residual blocks (64, 128, 256; two 3x3
///  convolutions
///    with batch_norm, 1x1 skip) each followed by max_pool, dense 256, l2_normalize.
///  - koch2015: Koch, Zemel & Salakhutdinov 2015, figure 4: convolutions 64@10x10, 128@7x7, 128@4x4, 256@4x4
///  without
///    padding, each with relu, max_pool between; dense 4096 with sigmoid. Convolutions start N(0, 0.01),
///    dense weights N(0, 0.2), biases N(0.5, 0.01). For images of 105x105 and the distance weighted_l1.
std::vector<std::string> preset_names();

/// Throws Error naming the nearest preset when there is none of that name.
Layers preset(const std::string& name);

}  // namespace twinflow::twin
