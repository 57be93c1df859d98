#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace twinflow {

/// Writes a file so that a reader, or the next start after a crash, finds the old content or the new one
/// whole: a temporary file beside it, fsync, rename, fsync of the folder. Throws Error naming the file and
/// the system's reason; then the temporary file is gone and the old one untouched.
void write_atomically(const std::filesystem::path& file, std::string_view content);
/// The same for content that lies in several places.
void write_atomically(const std::filesystem::path& file, std::span<const std::string_view> parts);

/// The same for a file too large to be held: it was written beside `file` under the name `finished`, and
/// takes its place: fsync, rename, fsync of the folder. Throws Error naming the file and the system's reason.
void replace_file(const std::filesystem::path& finished, const std::filesystem::path& file);

/// Has the system put on the disk what was written to a file so far. Throws Error naming the file.
void sync_file(const std::filesystem::path& file);

}  // namespace twinflow
