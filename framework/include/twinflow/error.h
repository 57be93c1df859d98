#pragma once

#include <stdexcept>
#include <string>

namespace twinflow {

/// What a user, a file or the machine did wrong, in one sentence that names the thing. Thrown by nodes and by
/// the framework; the runtime adds the node, its type and its line of the graph file. Exceptions of any other
/// type are reported the same way, with their what().
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  ~Error()
      override;  // out of line: one type_info for all libraries, so that plugins' errors are caught by type
};

}  // namespace twinflow
