#pragma once

#include <string>
#include <string_view>

#include "plan.h"

namespace twinflow {

/// Every file of a run directory has one owner: the run itself, or one node (NodeSpec::writes). Reports two
/// owners of one name at the node's line, as well as names that no file can have. Names that differ in case
/// alone are one name, as they are on some file systems.
void check_run_files(const Plan& plan, Problems& problems);

/// What writes a file of that name in the run directory: a node, or the run itself; empty where nothing does.
std::string writer_of(const Plan& plan, const std::string& name);

/// Whether some text fits both patterns, in which * stands for any text.
bool patterns_meet(std::string_view one, std::string_view other);

}  // namespace twinflow
