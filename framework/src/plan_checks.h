#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "plan.h"

namespace twinflow {

/// What a plan must fulfil once its nodes are made, wired and sorted upstream first: types of ports, metrics
/// that are watched, names on the control board, what nodes check themselves. Fills in the nodes'
/// output_types and image_shape. Nodes that are unknown or wrong by themselves are looked at as far as that
/// makes sense.
void check_plan(Plan& plan, Problems& problems);

std::vector<std::string> port_names(const auto& ports) {
  std::vector<std::string> names;
  for (const auto& port : ports) names.push_back(port.name);
  return names;
}
/// " (inputs: left, right)"
std::string listing(const std::string& what, const std::vector<std::string>& names);

}  // namespace twinflow
