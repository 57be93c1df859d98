#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "plan.h"
#include "states.h"

namespace twinflow {

/// Where a run stands: `index` items of epoch `epoch` are done.
struct Position {
  std::uint64_t epoch = 0, index = 0;
  std::optional<std::string> stop;  // a node has asked for the end, with this reason
};

/// What a run directory keeps so that the run can go on: state.safetensors, written at ends of epochs and
/// when a signal ends the run.
std::filesystem::path state_file(const std::filesystem::path& directory);

/// The position, and what it belongs to: seed, steps per epoch, nodes with their types, the whole graph.
State position_state(const Plan& plan, std::uint64_t steps_per_epoch, const Position& position);

/// A run read back.
struct SavedRun {
  States states;
  Position position;
  std::uint64_t steps_per_epoch = 0;
  bool same_graph = false;  // not a parameter has changed
};
/// Whether a run directory's result.json says that the run has come to its end: finished, or stopped by a
/// node.
bool has_ended(const std::filesystem::path& directory);
/// Throws Error naming the file when it is missing or damaged, or when the plan has another seed or other
/// nodes.
SavedRun read_saved_run(const std::filesystem::path& directory, const Plan& plan);

}  // namespace twinflow
