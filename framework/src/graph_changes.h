#pragma once

#include <string>
#include <vector>

#include "twinflow/error.h"

namespace twinflow {

/// A run is to be resumed with another graph than it was saved by, or with other data, and nobody has allowed
/// that. Its text has a line for each difference.
class GraphChanged : public Error {
  using Error::Error;
};

/// One difference between two graphs.
struct Change {
  std::string text;     // "twin.optimizer.learning_rate: 0.001 -> 0.0001"
  bool matters = true;  // the run would go on otherwise than it began
};

/// What differs between two resolved graphs (Plan::resolved_toml): parameters, where nodes get their input
/// from, nodes that are new or gone. The order in which nodes and parameters are written is no difference.
std::vector<Change> graph_changes(const std::string& before, const std::string& now);

}  // namespace twinflow
