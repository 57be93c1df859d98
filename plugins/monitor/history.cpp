#include "history.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "improvement.h"
#include "twinflow/json_text.h"

namespace twinflow::monitor {

History::History(std::vector<std::string> metrics, std::vector<bool> lower)
    : metrics_(std::move(metrics)), lower_(std::move(lower)) {}

void History::add(std::uint64_t epoch, std::uint64_t step, const std::vector<double>& values) {
  nlohmann::json json = {{"epoch", epoch + 1}, {"step", step}};
  for (std::size_t i = 0; i < metrics_.size(); ++i) json["values"][metrics_[i]] = values.at(i);
  entries_.push_back({values, json_text(json)});
  thin();
}

std::optional<std::size_t> History::best(std::size_t metric) const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const double value = entries_[i].values[metric];
    if (found ? improves(value, entries_[*found].values[metric], lower_[metric], 0) : std::isfinite(value))
      found = i;
  }
  return found;
}

void History::thin() {
  if (entries_.size() <= limit) return;
  std::set<std::size_t> stay = {entries_.size() - 1};
  for (std::size_t metric = 0; metric < metrics_.size(); ++metric)
    if (const auto place = best(metric)) stay.insert(*place);
  std::vector<Entry> left;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (i % 2 == 0 || stay.contains(i)) left.push_back(std::move(entries_[i]));
  entries_ = std::move(left);
}

bool History::was_finite(std::size_t metric) const { return best(metric).has_value(); }

std::string History::text() const {
  std::string all;
  for (const Entry& entry : entries_) all += (all.empty() ? "" : ",") + entry.json;
  return "[" + all + "]";
}

void History::restore(const std::string& text) {
  entries_.clear();
  if (text.empty()) return;
  for (const nlohmann::json& json : nlohmann::json::parse(text.ends_with(']') ? text : text + "]")) {
    Entry entry{{}, json_text(json)};
    for (const std::string& metric : metrics_) {
      const nlohmann::json& value = json.at("values").at(metric);
      entry.values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN()
                                             : value.get<double>());
    }
    entries_.push_back(std::move(entry));
    thin();
  }
}

}  // namespace twinflow::monitor
