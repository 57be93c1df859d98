#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace twinflow {

/// The names of the libraries that a shared library asks the system to load with it, read from the file
/// without running its code. None where the file is not a library of this system.
std::vector<std::string> needed_libraries(const std::filesystem::path& file);

}  // namespace twinflow
