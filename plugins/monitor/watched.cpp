#include "watched.h"

#include <fmt/format.h>

#include "twinflow/error.h"

namespace twinflow::monitor {

std::string_view own_name(const Metrics& metrics, std::string_view name) {
  const std::string owner = metrics.node + ".";
  if (name.starts_with(owner)) name.remove_prefix(owner.size());
  return name;
}

double watched(const Metrics& metrics, std::string_view name) {
  name = own_name(metrics, name);
  if (const auto found = metrics.values.find(name); found != metrics.values.end()) return found->second;
  std::string names;
  for (const auto& [one, value] : metrics.values) names += (names.empty() ? "" : ", ") + one;
  throw Error(fmt::format("there is no '{}' in the metrics of epoch {}; they hold {}", name,
                          metrics.epoch + 1, names.empty() ? "nothing" : names));
}

std::string evaluations(std::uint64_t count) {
  return count == 1 ? "1 evaluation" : fmt::format("{} evaluations", count);
}

}  // namespace twinflow::monitor
