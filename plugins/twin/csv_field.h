#pragma once

#include <string>

namespace twinflow::twin {

/// A text as a field of a CSV line (RFC 4180): quoted where it has to be.
std::string csv_field(const std::string& text);

}  // namespace twinflow::twin
