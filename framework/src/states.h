#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "twinflow/error.h"
#include "twinflow/folder.h"
#include "twinflow/state.h"

namespace twinflow {

/// The states of a run's parts (its nodes, its counters, its record), by name. A name has no '/'.
using States = std::map<std::string, State>;

/// A state of a version that is yet to come.
class NewerState : public Error {
  using Error::Error;
};

/// States as what stands in a safetensors file: tensors "PART/NAME"; values as metadata "PART/NAME", with a
/// letter for their type in front; "format". Moves: tensors are large.
NamedTensors packed(States states);

/// Writes what was packed, and "checksum" (XXH64 of all else), which it adds to it. Atomic; throws Error
/// naming the file.
void write_states(const Folder& folder, const std::string& name, NamedTensors& packed);

/// Reads such a file. Throws Error naming the file when it is of another format or when its checksum says
/// that it is damaged, NewerState when it is of a later version.
States read_states(const std::filesystem::path& file);

/// The values of such a file, without its tensors. That it is damaged is not noticed.
States read_state_values(const std::filesystem::path& file);

}  // namespace twinflow
