#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "temp_folder.h"
#include "twinflow/error.h"

/// Ends the fuzzing, with the input kept, when what has to hold does not.
inline void demand(bool holds, const std::string& what) {
  if (holds) return;
  fmt::print(stderr, "{}\n", what);
  std::abort();
}

inline std::string text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

/// Where inputs lie as files, in memory where the system has such a folder.
inline const TempFolder& temp_folder() {
  if (std::filesystem::exists("/dev/shm")) setenv("TMPDIR", "/dev/shm", 0);
  static const TempFolder folder;
  return folder;
}
