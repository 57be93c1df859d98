#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace twinflow {

/// The content of a regular file of at most `most` bytes. Throws Error, "the graph file 'x' does not exist",
/// for one that does not exist, cannot be read or is larger, and for what is not a regular file: a folder, a
/// device, a FIFO (which would block, or never end). `what`: what the sentence calls it. Any thread.
std::string read_bounded(const std::filesystem::path& file, std::uint64_t most,
                         const std::string& what = "file");

}  // namespace twinflow
