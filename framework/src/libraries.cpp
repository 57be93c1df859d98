#include "twinflow/libraries.h"

#include "twinflow/plugin.h"

namespace twinflow {

namespace {

std::map<std::string, std::string>& known() {
  static std::map<std::string, std::string> all{{"TwinFlow", TWINFLOW_VERSION}};
  return all;
}

}  // namespace

bool register_library(const std::string& name, const std::string& version) {
  known()[name] = version;
  return true;
}

const std::map<std::string, std::string>& libraries() { return known(); }

}  // namespace twinflow
