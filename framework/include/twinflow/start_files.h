#pragma once

#include <string>

namespace twinflow {

/// Called in describe(), for each parameter of a node type that names a file which is read as a run starts:
/// flowrun and its --check then report a file that does not exist at its line, before anything is written.
/// Not when a run is resumed, which has read it. Called while plugins load, on one thread.
void reads_at_start(const std::string& node_type, const std::string& parameter);

}  // namespace twinflow
