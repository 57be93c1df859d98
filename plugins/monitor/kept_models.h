#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "improvement.h"

namespace twinflow::monitor {

/// A model that was measured, without its weights: what is said of it, and what ranks it.
struct Measured {
  std::uint64_t epoch = 0, step = 0;   // the epoch counted from 0; the step is the model's name
  std::vector<double> values;          // of the metrics that decide, in their order
  std::vector<std::string> texts;      // these, for people
  std::vector<std::string> protocols;  // how each was measured
};

/// Which models are to be kept: a pure function of those that were taken, in their order.
class KeptModels {
 public:
  struct Rules {
    std::vector<bool> lower;  // for each metric that decides: is less better?
    double min_delta = 0;
    std::size_t best = 1;     // models for each of them
    bool last = false;        // and the one measured last,
    std::uint64_t every = 0;  // and that of each n-th epoch, for good: the last of its epoch
  };

  KeptModels() = default;
  explicit KeptModels(const Rules& rules);

  /// True when something has come to be kept that was not. A model that is measured again, no update between,
  /// keeps the values that it is ranked by.
  bool take(const Measured& model);
  /// Whether a model is among the best by some metric.
  bool ranks(std::uint64_t step) const;
  void forget(std::uint64_t step);

  /// nullptr when there is none.
  const Measured* best(std::size_t metric) const;
  const Measured* last() const;
  /// The steps of all that are kept, and of those that are kept for good.
  std::set<std::uint64_t> steps() const;
  const std::map<std::uint64_t, std::uint64_t>& for_good() const { return for_good_; }
  /// Whether a model, of which it is known that it is not kept, would be the best.
  bool would_lead(const Measured& model, std::size_t metric) const;

  nlohmann::json to_json() const;
  /// What to_json() gave, for the same metrics. Where other rules keep less, so it is.
  void restore(const nlohmann::json& json);

 private:
  void clear_out();
  const Measured* find(std::uint64_t step) const;

  Rules rules_;
  std::vector<Ranking> rankings_;
  std::optional<std::uint64_t> last_;
  std::map<std::uint64_t, std::uint64_t> for_good_;  // epoch: step
  std::map<std::uint64_t, Measured> models_;         // of the best and the last
};

nlohmann::json measured_to_json(const Measured& model);
Measured measured_from_json(const nlohmann::json& json);

}  // namespace twinflow::monitor
