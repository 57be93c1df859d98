#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace twinflow {

/// What was found out about a file: good, or what is wrong and where; or a note of what is missing.
struct Verified {
  std::filesystem::path file;
  std::string text;
  bool good = true;
};

/// Looks through a run directory, folders in it included, or at one file: reads states, other safetensors
/// files with their checksums where they have one, metrics.jsonl line by line, and result.json; says what a
/// write that was cut off has left. Other files are not looked at. Throws Error when there is no such thing,
/// or nothing in it that can be looked at.
std::vector<Verified> verify(const std::filesystem::path& path);

}  // namespace twinflow
