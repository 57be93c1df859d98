#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace twinflow {

/// The texts of a safetensors file, without its tensors, which may be large: they are neither read nor
/// checked. Throws Error as read_safetensors does.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& file);

}  // namespace twinflow
