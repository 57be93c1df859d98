#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twinflow/memory.h"

/// Published data come as zips, or as the folders that these unpack to. Both are read here, in place, to the
/// same list of files. What is inside comes from elsewhere: sizes, counts and names are checked before they
/// are believed.
namespace twinflow::data {

struct File {
  std::string name;  // within the collection, with '/': "Greek/character01/0394_01.png"
  std::vector<std::uint8_t> bytes;
};

struct Collection {
  std::filesystem::path path;  // of the zip or folder: for sentences
  std::vector<File> files;     // sorted by name; no two have one name

  std::string where(const File& file) const { return path.string() + ", '" + file.name + "'"; }
};

struct Limits {
  std::size_t files = 100'000;
  std::size_t file_bytes = std::size_t{1} << 20;
  std::size_t total_bytes = std::size_t{1} << 30;
  Memory memory = usable_memory();
};

/// Whether a file or folder of that name is hidden, or what macOS and Windows leave behind.
bool is_litter(std::string_view name);

/// FOLDER/STEM.zip where there is one, else the folder FOLDER/STEM, else nothing.
std::optional<std::filesystem::path> find_collection(const std::filesystem::path& folder,
                                                     const std::string& stem);

/// Every file of a zip or folder; bytes' checksums are verified in a zip. Left out: folders, and litter with
/// all that is in it. A leading `STEM/` is cut off the names, so that it makes no difference whether a zip
/// holds its own name as a folder. Throws Error, naming the zip and the entry, when it is damaged or cut
/// short, when a name is absolute or has a '..', when a name comes twice, and beyond the limits.
Collection read_collection(const std::filesystem::path& path, const Limits& limits = {});

}  // namespace twinflow::data
