#include "twinflow/batch_form.h"

#include <optional>
#include <vector>

#include "plan_checks.h"

namespace twinflow {

MakesBatches::~MakesBatches() = default;
LearnsFromBatches::~LearnsFromBatches() = default;

void check_batches(const Plan& plan, Problems& problems) {
  std::vector<std::optional<BatchForm>> forms(plan.nodes.size());  // of what leaves each node
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const Plan::PlannedNode& node = plan.nodes[i];
    if (!node.sound) continue;
    for (const auto& [input, link] : node.inputs)
      if (node.info->inputs[input].streamed() && !forms[i]) forms[i] = forms[link.node];
    if (const auto* learns = dynamic_cast<const LearnsFromBatches*>(node.node.get()); learns && forms[i])
      learns->check_batches(Checking(node.table, node.place, problems), *forms[i]);
    if (const auto* makes = dynamic_cast<const MakesBatches*>(node.node.get()))
      forms[i] = makes->batch_form();
  }
}

}  // namespace twinflow
