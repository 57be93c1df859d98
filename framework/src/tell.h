#pragma once

#include <cstdio>
#include <string>

#include "twinflow/text.h"

namespace twinflow {

/// Writes to standard output or standard error, at once. That nobody reads it any more, or that its disk is
/// full, ends no run: what matters is in log.txt and result.json, and in the exit code. What goes to standard
/// error is escaped; standard output has escape sequences of ours.
inline void tell(std::FILE* to, const std::string& raw) {
  const std::string text = to == stderr ? shown_lines(raw) : raw;
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

}  // namespace twinflow
