#pragma once

#include "twinflow/node.h"

namespace twinflow::twin {

/// Whether a model that comes with that item is that of the end of the last epoch that [run] asks for, which
/// is measured whatever a node's `every` says.
inline bool is_last_model(const Run& run, const Item& item) {
  return item.epoch + 1 == run.epochs() && item.index + 1 == run.steps_per_epoch();
}

}  // namespace twinflow::twin
