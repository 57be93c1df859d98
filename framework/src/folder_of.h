#pragma once

#include <filesystem>

#include "twinflow/folder.h"

namespace twinflow {

/// The folder of a file that is to be written. Throws Error naming the file.
Folder folder_of(const std::filesystem::path& file);

}  // namespace twinflow
