#pragma once

#include <filesystem>
#include <string>

namespace twinflow {

/// A path as a graph file has it, which is UTF-8: as it is, or a path of other bytes as a URI (RFC 8089),
/// "file:///home/bilder_%E4". Such a path has to be absolute.
std::string text_of_path(const std::filesystem::path& path);

/// What text_of_path() wrote, or a user: "~/photos" is in the home folder. Throws Error for a URI that names
/// no file of this machine, and where there is no home folder.
std::filesystem::path path_from_text(const std::string& text);

}  // namespace twinflow
