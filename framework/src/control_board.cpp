#include "control_board.h"

namespace twinflow {

void ControlBoard::connect(Plan& plan) {
  for (Plan::PlannedNode& node : plan.nodes)
    for (const BoardInfo& one : node.info->publishes) one.connect(*node.node, slots_[one.name]);
  for (Plan::PlannedNode& node : plan.nodes)
    for (const BoardInfo& one : node.info->reads)
      if (const auto slot = slots_.find(one.name); slot != slots_.end())
        one.connect(*node.node, slot->second);
}

void ControlBoard::turn() {
  for (auto& [name, slot] : slots_) slot.turn();
}

State ControlBoard::save() const {
  State state;
  for (const auto& [name, slot] : slots_) {
    if (slot.now) state.values["now." + name] = *slot.now;
    if (slot.next) state.values["next." + name] = *slot.next;
  }
  return state;
}

void ControlBoard::restore(const State& state) {
  for (auto& [name, slot] : slots_) {
    if (state.has("now." + name)) slot.now = state.value<double>("now." + name);
    if (state.has("next." + name)) slot.next = state.value<double>("next." + name);
  }
}

}  // namespace twinflow
