#pragma once

#include <optional>
#include <string>

#include "twinflow/metrics.h"
#include "twinflow/param.h"
#include "twinflow/state.h"

namespace twinflow::monitor {

enum class Mode { automatic, max, min };

/// Whether more of a metric is worse: so says the mode, or, when automatic, who measures it.
bool lower_is_better(Mode mode, Better better);
/// Reports an automatic mode for a metric of which nobody said which way is better.
void check_mode(const Checking& checking, Mode mode, Better better, const std::string& metric);

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

  void save(State& state) const;
  void restore(const State& state);

 private:
  bool lower_ = false;
  double min_delta_ = 0;
  std::optional<double> best_;
};

}  // namespace twinflow::monitor
