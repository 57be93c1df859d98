#pragma once

#include <filesystem>
#include <span>
#include <string_view>

/// For files outside of the run directory; what goes into it is written through Run::folder().
namespace twinflow {

/// Writes a file so that a reader, or the next start after a crash, finds the old content or the new one
/// whole: a temporary file beside it, fsync, rename, fsync of the folder. Throws Error naming the file and
/// the system's reason; then the temporary file is gone and the old one untouched.
void write_atomically(const std::filesystem::path& file, std::string_view content);
/// The same for content that lies in several places.
void write_atomically(const std::filesystem::path& file, std::span<const std::string_view> parts);

}  // namespace twinflow
