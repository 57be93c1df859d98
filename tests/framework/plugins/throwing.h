#pragma once

#include <string>

#include "twinflow/error.h"

/// An exception that a plugin and its test share, with nothing out of line: each library has its own copy.
struct OutOfApples : twinflow::Error {
  OutOfApples(const std::string& message, int missing_) : Error(message), missing(missing_) {}
  int missing;
};
