#include "kept_models.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

namespace twinflow::monitor {

KeptModels::KeptModels(const Rules& rules) : rules_(rules) {
  for (const bool lower : rules.lower) rankings_.emplace_back(lower, rules.min_delta, rules.best);
}

bool KeptModels::take(const Measured& model) {
  bool kept = false;
  const bool ranked = ranks(model.step);
  for (std::size_t i = 0; i < rankings_.size() && !ranked; ++i)
    kept |= rankings_[i].see(model.values[i], model.step);
  if (rules_.last && last_ != model.step) {
    last_ = model.step;
    kept = true;
  }
  if (rules_.every > 0 && (model.epoch + 1) % rules_.every == 0) {
    const auto [place, fresh] = for_good_.try_emplace(model.epoch, model.step);
    kept |= fresh || place->second != model.step;
    place->second = model.step;
  }
  if (kept && !ranked) models_.insert_or_assign(model.step, model);
  clear_out();
  return kept;
}

bool KeptModels::ranks(std::uint64_t step) const {
  return std::any_of(rankings_.begin(), rankings_.end(), [&](const Ranking& one) { return one.has(step); });
}

void KeptModels::forget(std::uint64_t step) {
  for (Ranking& ranking : rankings_) ranking.remove(step);
  if (last_ == step) last_.reset();
  std::erase_if(for_good_, [&](const auto& one) { return one.second == step; });
  clear_out();
}

void KeptModels::clear_out() {
  std::set<std::uint64_t> told;
  for (const Ranking& ranking : rankings_)
    for (const Ranking::Place& one : ranking.places()) told.insert(one.name);
  if (last_) told.insert(*last_);
  std::erase_if(models_, [&](const auto& one) { return !told.contains(one.first); });
}

const Measured* KeptModels::find(std::uint64_t step) const { return &models_.at(step); }

const Measured* KeptModels::best(std::size_t metric) const {
  const auto& places = rankings_.at(metric).places();
  return places.empty() ? nullptr : find(places.front().name);
}

const Measured* KeptModels::last() const { return last_ ? find(*last_) : nullptr; }

std::set<std::uint64_t> KeptModels::steps() const {
  std::set<std::uint64_t> all;
  for (const auto& [step, model] : models_) all.insert(step);
  for (const auto& [epoch, step] : for_good_) all.insert(step);
  return all;
}

bool KeptModels::would_lead(const Measured& model, std::size_t metric) const {
  const Ranking& ranking = rankings_.at(metric);
  const double value = model.values.at(metric);
  if (rules_.best == 0 || ranking.places().empty()) return rules_.best > 0 && std::isfinite(value);
  return ranking.ranks_before(value, ranking.places().front().value);
}

nlohmann::json measured_to_json(const Measured& model) {
  return {{"epoch", model.epoch},
          {"step", model.step},
          {"values", model.values},  // what is not finite as null
          {"texts", model.texts},
          {"protocols", model.protocols}};
}

Measured measured_from_json(const nlohmann::json& json) {
  Measured model{json.at("epoch").get<std::uint64_t>(),
                 json.at("step").get<std::uint64_t>(),
                 {},
                 json.at("texts").get<std::vector<std::string>>(),
                 json.at("protocols").get<std::vector<std::string>>()};
  for (const nlohmann::json& value : json.at("values"))
    model.values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  return model;
}

namespace {

using StepsByEpoch = std::map<std::uint64_t, std::uint64_t>;

/// Models at equal distances, as nearly all are, make one entry: first epoch and step, how many there are,
/// and the epochs and steps from one to the next. So a state does not grow with each of them.
nlohmann::json for_good_to_json(const StepsByEpoch& models) {
  nlohmann::json all = nlohmann::json::array();
  for (auto first = models.begin(); first != models.end();) {
    auto last = first, next = std::next(first);
    std::uint64_t count = 1, epochs = 0, steps = 0;
    for (; next != models.end(); last = next++, ++count) {
      const std::uint64_t epochs_here = next->first - last->first, steps_here = next->second - last->second;
      if (count > 1 && (epochs_here != epochs || steps_here != steps)) break;
      epochs = epochs_here;
      steps = steps_here;
    }
    all.push_back({first->first, first->second, count, epochs, steps});
    first = next;
  }
  return all;
}

/// Older versions saved an entry of epoch and step for each model.
StepsByEpoch for_good_from_json(const nlohmann::json& json) {
  StepsByEpoch models;
  for (const nlohmann::json& one : json) {
    const auto number = [&](std::size_t i) { return one.at(i).get<std::uint64_t>(); };
    const bool single = one.size() == 2;
    const std::uint64_t count = single ? 1 : number(2), epochs = single ? 0 : number(3),
                        steps = single ? 0 : number(4);
    for (std::uint64_t i = 0; i < count; ++i) models.emplace(number(0) + i * epochs, number(1) + i * steps);
  }
  return models;
}

}  // namespace

nlohmann::json KeptModels::to_json() const {
  nlohmann::json json = {{"best", nlohmann::json::array()},
                         {"last", nullptr},
                         {"for_good", for_good_to_json(for_good_)},
                         {"models", nlohmann::json::array()}};
  for (const Ranking& ranking : rankings_) {
    nlohmann::json places = nlohmann::json::array();
    for (const Ranking::Place& one : ranking.places()) places.push_back({one.value, one.name});
    json["best"].push_back(std::move(places));
  }
  if (last_) json["last"] = *last_;
  for (const auto& [step, model] : models_) json["models"].push_back(measured_to_json(model));
  return json;
}

void KeptModels::restore(const nlohmann::json& json) {
  for (std::size_t i = 0; i < rankings_.size(); ++i) {
    std::vector<Ranking::Place> places;
    for (const nlohmann::json& one : json.at("best").at(i))
      places.push_back({one.at(0).get<double>(), one.at(1).get<std::uint64_t>()});
    rankings_[i].restore(std::move(places));
  }
  if (rules_.last && !json.at("last").is_null()) last_ = json["last"].get<std::uint64_t>();
  for_good_ = for_good_from_json(json.at("for_good"));
  for (const nlohmann::json& one : json.at("models")) {
    Measured model = measured_from_json(one);
    models_.emplace(model.step, std::move(model));
  }
  clear_out();  // of what is not kept by these rules
}

}  // namespace twinflow::monitor
