#include "twinflow/files.h"

#include "folder_of.h"

namespace twinflow {

void write_atomically(const std::filesystem::path& file, std::string_view content) {
  write_atomically(file, std::span(&content, 1));
}

void write_atomically(const std::filesystem::path& file, std::span<const std::string_view> parts) {
  folder_of(file).write_atomically(file.filename().string(), parts);
}

}  // namespace twinflow
