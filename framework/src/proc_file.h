#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace twinflow {

/// The number behind the word `key` in a file of lines such as "MemTotal:  16384 kB". Empty where there is
/// none.
inline std::optional<double> number_in(const std::filesystem::path& file, std::string_view key) {
  std::ifstream lines(file);
  for (std::string word; lines >> word; lines.ignore(4096, '\n'))
    if (double number = 0; word == key && lines >> number) return number;
  return {};
}

/// The same for a file whose numbers are in kB (1024 bytes), in bytes.
inline std::optional<double> bytes_in(const std::filesystem::path& file, std::string_view key) {
  const auto kib = number_in(file, key);
  return kib ? std::optional(*kib * 1024) : std::nullopt;
}

}  // namespace twinflow
