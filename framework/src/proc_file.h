#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace twinflow {

/// The number behind `key` in a file of lines such as "MemTotal:  16384 kB". Empty where there is none.
inline std::optional<double> kib_in(const std::filesystem::path& file, std::string_view key) {
  std::ifstream lines(file);
  for (std::string word; lines >> word; lines.ignore(4096, '\n'))
    if (double kib = 0; word == key && lines >> kib) return kib;
  return {};
}

}  // namespace twinflow
