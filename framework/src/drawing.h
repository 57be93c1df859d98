#pragma once

#include <string>

#include "plan.h"

namespace twinflow {

/// A checked graph for Graphviz: a box for each node with its type, an edge for each link with the type of
/// what flows there; dashed where it is made once.
std::string drawing(const Plan& plan);

}  // namespace twinflow
