#include "improvement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace twinflow::monitor {

std::string percent_hint(double value) {
  return value >= 1 && value <= 100 ? fmt::format(": {} % is {}", value, value / 100) : "";
}

bool lower_is_better(Mode mode, Better better) {
  return mode == Mode::automatic ? better == Better::lower : mode == Mode::min;
}

bool is_fraction(std::string_view metric) {
  metric = metric.substr(metric.rfind('.') + 1);
  return metric.ends_with("accuracy") || metric.ends_with("_accept_rate") || metric == "auc" ||
         metric == "eer";
}

void check_gain(const Checking& checking, const Gain& gain, Better better, const std::string& metric) {
  if (gain.mode == Mode::automatic && better == Better::unknown)
    checking.error("monitor", "nothing says whether more or less of '" + metric +
                                  "' is better: add mode = \"max\" or mode = \"min\"");
  if (better != Better::unknown && lower_is_better(gain.mode, better) != (better == Better::lower))
    checking.error("mode", fmt::format("'{}' is better when it is {}: leave mode out", metric,
                                       better == Better::lower ? "lower" : "higher"));
  if (is_fraction(metric) && gain.min_delta >= 1)
    checking.error("min_delta", fmt::format("'{}' goes from 0 to 1, so that no gain exceeds {}{}", metric,
                                            gain.min_delta, percent_hint(gain.min_delta)));
}

bool improves(double value, double on, bool lower, double min_delta) {
  return std::isfinite(value) && (lower ? value + min_delta < on : value - min_delta > on);
}

void Improvement::save(State& state) const {
  if (best_) state.values["best"] = *best_;
}

void Improvement::restore(const State& state) {
  if (state.has("best")) best_ = state.value<double>("best");
}

bool Improvement::see(double value) {
  if (best_ ? !improves(value, *best_, lower_, min_delta_) : !std::isfinite(value)) return false;
  best_ = value;
  return true;
}

bool Ranking::see(double value, std::uint64_t name) {
  if (!std::isfinite(value) || room_ == 0 || has(name)) return false;
  if (places_.size() == room_) {
    if (!improves(value, places_.back().value, lower_, min_delta_)) return false;
    places_.pop_back();
  }
  const auto behind = std::find_if(places_.begin(), places_.end(),
                                   [&](const Place& one) { return ranks_before(value, one.value); });
  places_.insert(behind, {value, name});
  return true;
}

bool Ranking::has(std::uint64_t name) const {
  return std::any_of(places_.begin(), places_.end(), [&](const Place& one) { return one.name == name; });
}

void Ranking::restore(std::vector<Place> places) {
  if (places.size() > room_) places.resize(room_);
  places_ = std::move(places);
}

void Ranking::remove(std::uint64_t name) {
  std::erase_if(places_, [&](const Place& one) { return one.name == name; });
}

}  // namespace twinflow::monitor
