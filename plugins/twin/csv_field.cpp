#include "csv_field.h"

namespace twinflow::twin {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char one : text) quoted += one == '"' ? "\"\"" : std::string(1, one);
  return quoted + '"';
}

}  // namespace twinflow::twin
