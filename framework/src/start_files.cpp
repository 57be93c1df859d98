#include "start_files.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "twinflow/text.h"

namespace twinflow {

namespace {

/// Node types and parameters.
std::set<std::pair<std::string, std::string>>& start_files() {
  static std::set<std::pair<std::string, std::string>> all;
  return all;
}

/// Why a file cannot be read; "" when it can.
std::string problem_of(const std::filesystem::path& file) {
  std::error_code why;
  const std::filesystem::file_status status = std::filesystem::status(file, why);
  if (std::filesystem::is_regular_file(status)) return "";
  if (std::filesystem::exists(status)) return "is not a regular file";
  if (status.type() == std::filesystem::file_type::not_found) return "does not exist";
  return "cannot be read: " + why.message();
}

}  // namespace

void reads_at_start(const std::string& node_type, const std::string& parameter) {
  start_files().emplace(node_type, parameter);
}

void check_start_files(const Plan& plan, Problems& problems) {
  for (const Plan::PlannedNode& node : plan.nodes)
    for (const auto& [type, parameter] : start_files()) {
      const Value* written = node.info && type == node.info->type ? node.table.find(parameter) : nullptr;
      std::filesystem::path file;
      Problems told;  // when the parameter was read
      if (!written || !ParamType<std::filesystem::path>::read(*written, file, told) || file.empty()) continue;
      if (const std::string problem = problem_of(file); !problem.empty())
        problems.error(written->place, fmt::format("the file '{}' {}", shown(file.string()), problem));
    }
}

}  // namespace twinflow
