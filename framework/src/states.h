#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "twinflow/state.h"

namespace twinflow {

/// The states of a run's parts (its nodes, its counters, its record), by name. A name has no '/'.
using States = std::map<std::string, State>;

/// Writes them as one safetensors file: tensors "PART/NAME"; values as metadata "PART/NAME", with a letter
/// for their type in front; "format" and "checksum" (XXH64 of all else). Atomic; throws Error naming the
/// file.
void write_states(const std::filesystem::path& file, const States& states);

/// Reads such a file. Throws Error naming the file when it is of another format or version, or when its
/// checksum says that it is damaged.
States read_states(const std::filesystem::path& file);

}  // namespace twinflow
