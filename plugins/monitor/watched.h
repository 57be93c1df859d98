#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "twinflow/metrics.h"
#include "twinflow/state.h"

namespace twinflow::monitor {

/// A metric's name without who measured it: "accuracy" of "one_shot.accuracy".
std::string_view own_name(const Metrics& metrics, std::string_view name);

/// The value of that metric, called "accuracy" or, with who measured it, "one_shot.accuracy". Throws Error,
/// with the names that there are, when it was not measured.
double watched(const Metrics& metrics, std::string_view name);

/// The mean over an epoch of a metric that a node reports (Run::report), for monitors that nothing feeds.
/// Over all that was reported: where one number is not finite, neither is the mean.
class EpochMean {
 public:
  /// `metric`: with the node, as "twin.loss". Other nodes and metrics are passed over.
  void hear(std::string_view metric, std::string_view node, const Numbers& values);
  /// Empty where nothing was reported. The next epoch begins.
  std::optional<double> take();

  void save(State& state) const;
  void restore(const State& state);

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

/// "1 evaluation", "3 evaluations"
std::string evaluations(std::uint64_t count);

}  // namespace twinflow::monitor
