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

void EpochMean::hear(std::string_view metric, std::string_view node, const Numbers& values) {
  if (!metric.starts_with(node) || metric.substr(node.size()).substr(0, 1) != ".") return;
  const auto found = values.find(metric.substr(node.size() + 1));
  if (found == values.end()) return;
  sum_ += found->second;
  ++count_;
}

std::optional<double> EpochMean::take() {
  if (count_ == 0) return {};
  const double mean = sum_ / static_cast<double>(count_);
  *this = {};
  return mean;
}

void EpochMean::save(State& state) const {
  state.values["mean.sum"] = sum_;
  state.values["mean.count"] = count_;
}

void EpochMean::restore(const State& state) {
  if (!state.has("mean.count")) return;  // of an older version
  sum_ = state.value<double>("mean.sum");
  count_ = state.value<std::int64_t>("mean.count");
}

std::string evaluations(std::uint64_t count) {
  return count == 1 ? "1 evaluation" : fmt::format("{} evaluations", count);
}

}  // namespace twinflow::monitor
