#pragma once

#include <string>

namespace twinflow {

/// A value of nlohmann's JSON as text, on one line, or with `indent` blanks a level. Unlike its own dump()
/// it does not throw on a string that is not UTF-8: such bytes are written as U+FFFD. Names should be
/// escaped before (text.h), so that they can be told apart.
template <class Json>
std::string json_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace twinflow
