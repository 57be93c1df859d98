#pragma once

#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

/// A network that has collapsed tells nothing apart: all rows are alike, that is, every number varies by less
/// than 1e-5 of the largest that there is. With fewer than two rows: false.
bool all_alike(const Embeddings& e);

}  // namespace twinflow::twin
