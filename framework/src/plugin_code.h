#pragma once

#include <string>

#include "crash_report.h"
#include "twinflow/param.h"

namespace twinflow {

/// What the exception says that is being handled, whatever its type; valid as long as it is. Needs no memory.
const char* exception_text() noexcept;

/// Whose code it is, for sentences: "node 'sharp' (example.sharpen, of '/home/me/libsharpen.so')", or of a
/// component, whose `node` is "": "loss 'hinge' (of '/home/me/libhinge.so')". A type of the program's own has
/// no library.
std::string code_owner(const std::string& node, const TypeInfo& type);

/// Calls code of a node (or of a component: `node` is "") while a graph is checked. What it throws becomes an
/// error at `place`. False when it threw.
template <class Code>
bool check_code(const std::string& node, const TypeInfo& type, const Place& place, Problems& problems,
                Code&& code) {
  const InCodeOf here(node, type);
  try {
    code();
    return true;
  } catch (...) {
    problems.error(place, code_owner(node, type) + ": " + exception_text());
    return false;
  }
}

}  // namespace twinflow
