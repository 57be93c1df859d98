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

/// Whether nodes can learn from the batches that come to them (twinflow/batch_form.h). Part of check_plan().
void check_batches(const Plan& plan, Problems& problems);

std::vector<std::string> port_names(const auto& ports) {
  std::vector<std::string> names;
  for (const auto& port : ports) names.push_back(port.name);
  return names;
}
/// " (inputs: left, right)", of many the first.
std::string listing(const std::string& what, const std::vector<std::string>& names);
/// Whether to look for what was meant by a name: after many problems not any more. Of a graph in which every
/// name is wrong, comparing each with all others would take the square of their number.
inline bool suggests(const Problems& problems) { return problems.size() < 100; }

}  // namespace twinflow
