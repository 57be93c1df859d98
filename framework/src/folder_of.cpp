#include "folder_of.h"

#include <fmt/format.h>

#include <system_error>

namespace twinflow {

Folder folder_of(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  std::error_code failed;
  if (!std::filesystem::is_directory(folder, failed))
    throw Error(
        fmt::format("cannot create '{}': {}", file.string(),
                    failed ? failed.message() : fmt::format("'{}' is not a folder", folder.string())));
  return Folder(folder);
}

}  // namespace twinflow
