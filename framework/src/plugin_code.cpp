#include "plugin_code.h"

#include <fmt/format.h>

#include <exception>
#include <new>

namespace twinflow {

const char* exception_text() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return "there is not enough memory";
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

std::string code_owner(const std::string& node, const TypeInfo& type) {
  const std::string library = type.library.empty() ? "" : fmt::format("of '{}'", type.library);
  if (node.empty())
    return fmt::format("{} '{}'{}", type.kind, type.type, library.empty() ? "" : " (" + library + ")");
  return fmt::format("node '{}' ({}{}{})", node, type.type, library.empty() ? "" : ", ", library);
}

}  // namespace twinflow
