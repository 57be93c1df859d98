#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace twinflow {

/// Where a command line has an empty argument, or an option with nothing behind its =, what to print. That is
/// what a shell makes of an unset variable; taken for "none", it would do something else than was meant.
inline std::optional<std::string> empty_argument(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view one = argv[i], before = i > 1 ? argv[i - 1] : "";
    if (one.empty() && before.starts_with("--"))
      return "error: nothing follows " + std::string(before) + ": an empty text is not a value\n";
    if (one.empty()) return "error: an argument is empty\n";
    if (one.starts_with("--") && one.find('=') == one.size() - 1)
      return "error: nothing follows " + std::string(one) + ": an empty text is not a value\n";
  }
  return std::nullopt;
}

}  // namespace twinflow
