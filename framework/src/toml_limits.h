#pragma once

#include <memory>
#include <string_view>

#include "twinflow/value.h"

namespace twinflow {

/// What a TOML text may have at most. The parser takes tables apart by recursion, one call a level, so that
/// deep ones would overflow the stack; the other limits bound time and memory.
struct TomlLimits {
  static constexpr std::size_t bytes = 10'000'000;
  static constexpr int levels = 300;  // of tables and lists inside of each other
  static constexpr std::size_t values = 1'000'000;
  static constexpr std::size_t string = 65'536;  // bytes of a quoted key or string
  static constexpr std::size_t word = 1'000;     // bytes of a bare part of a key, or of a number
};

/// Adds a problem, at its place, for the first thing beyond a limit. Linear in the bytes of `content`, whose
/// lines are those of `text`.
void check_toml_limits(std::string_view content, const std::shared_ptr<const Place::Text>& text,
                       Problems& problems);

}  // namespace twinflow
