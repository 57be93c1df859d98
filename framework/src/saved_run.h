#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan.h"
#include "states.h"

namespace twinflow {

/// Where a run stands: `index` items of epoch `epoch` are done.
struct Position {
  std::uint64_t epoch = 0, index = 0;
  std::optional<std::string> stop;     // a node has asked for the end, with this reason
  std::uint64_t batches_per_item = 1;  // one of each rank ([run] batch_per_rank)
};

/// What a run directory keeps so that the run can go on: the state written last, and the one before it. The
/// next one is there while it is written.
constexpr const char *state_name = "state.safetensors", *previous_state_name = "state.previous.safetensors",
                     *next_state_name = "state.next.safetensors";
std::filesystem::path state_file(const std::filesystem::path& directory);
std::filesystem::path previous_state_file(const std::filesystem::path& directory);

/// The position, and what it belongs to: seed, steps per epoch, nodes with their types, the whole graph, of
/// `about` (see Run::about) what is said of the data, and what graph_mark() gives.
State position_state(const Plan& plan, std::uint64_t steps_per_epoch, const Position& position,
                     const std::map<std::string, std::string>& about, const std::string& graph_mark);

/// Stands for a graph file as it is seen from a run directory: the same for both moved together.
std::string graph_mark(const std::filesystem::path& graph_file, const std::filesystem::path& directory);

/// Writes a state, and keeps the one that was there as the one before: whenever the process ends, the power
/// fails or the disk is full, one of the two is whole. `state_is_bad`: then the one before is kept instead.
/// Throws Error naming the file.
void write_saved_run(const Folder& directory, NamedTensors& packed, bool state_is_bad);

/// A run read back.
struct SavedRun {
  std::filesystem::path file;
  std::string newest_is_bad;  // why it is not the state written last; empty: it is
  States states;
  Position position;
  std::uint64_t steps_per_epoch = 0;
  std::map<std::string, std::string> types;      // of the nodes
  std::map<std::string, std::string> data;       // their fingerprints, by their names in Run::about
  std::map<std::string, std::string> libraries;  // their versions; empty in states of older versions
  std::string graph;                             // resolved, as TOML
  std::string graph_mark;                        // of its file; empty in states of older versions
};
/// A run read back from one of its states. Throws Error naming the file and the reason; NewerState when it is
/// of a later version.
SavedRun read_state(const std::filesystem::path& file);
/// The state written last, or, where that is missing or cannot be used, the one before. Throws Error naming
/// the file and the reason, of both where both are bad; NewerState when it is of a later version.
SavedRun read_saved_run(const std::filesystem::path& directory);
/// The same without tensors, which may be large: a damaged state is then not always noticed.
SavedRun read_saved_values(const std::filesystem::path& directory);

/// Makes a node start anew: forgets its state, and what was recorded of it.
void forget_node(SavedRun& run, const std::string& name);

/// A result.json is at most so long.
constexpr std::uint64_t most_result_bytes = std::uint64_t{64} << 20;

/// Whether a run directory's result.json says that the run has come to its end: finished, or stopped by a
/// node.
bool has_ended(const std::filesystem::path& directory);

/// Of the runs of a graph that flowrun made under runs/, the one whose state was written last, leaving out
/// those of other graph files of that name, and those that have come to their end within that many epochs.
/// Throws Error when there is none.
std::filesystem::path newest_run(const Plan& plan);

}  // namespace twinflow
