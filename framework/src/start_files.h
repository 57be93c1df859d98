#pragma once

#include "plan.h"
#include "twinflow/start_files.h"

namespace twinflow {

/// Adds a problem for each file that a node reads as a run starts and that is not there. Nothing is opened.
/// Nodes may be wrong otherwise.
void check_start_files(const Plan& plan, Problems& problems);

}  // namespace twinflow
