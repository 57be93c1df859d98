#pragma once

#include <optional>
#include <string_view>

namespace twinflow::monitor {

enum class Mode { automatic, max, min };

/// Whether more of that metric is worse: so says the mode, or, when automatic, a name with "loss" or "error"
/// in it.
bool lower_is_better(Mode mode, std::string_view metric);

/// The best value so far, by Keras' rule (callbacks.EarlyStopping): a value v improves on the best b when
/// v - min_delta > b, or, where lower is better, v + min_delta < b. So a tie is none, nor a gain of exactly
/// min_delta. The first finite value always improves; a value that is not finite never does.
class Improvement {
 public:
  Improvement() = default;
  Improvement(bool lower, double min_delta) : lower_(lower), min_delta_(min_delta) {}

  /// True when `value` improves; then it is the best.
  bool see(double value);
  const std::optional<double>& best() const { return best_; }

 private:
  bool lower_ = false;
  double min_delta_ = 0;
  std::optional<double> best_;
};

}  // namespace twinflow::monitor
