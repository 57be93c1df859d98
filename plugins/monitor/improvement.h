#pragma once

#include <optional>
#include <string>

#include "twinflow/metrics.h"
#include "twinflow/node.h"
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

/// The parameters of a node that acts on how one metric improves.
struct Watching {
  std::string monitor = "accuracy";
  Better better = Better::unknown;
  Mode mode = Mode::automatic;
  double min_delta = 0;

  bool lower() const { return lower_is_better(mode, better); }
  Improvement improvement() const { return Improvement(lower(), min_delta); }
};

template <class Type>
void describe_watching(NodeSpec<Type>& spec) {
  spec.param("monitor", &Type::monitor).doc("the metric that decides");
  spec.watches("monitor", &Type::monitor, &Type::better);
  spec.param("mode", &Type::mode)
      .names({{"auto", Mode::automatic}, {"max", Mode::max}, {"min", Mode::min}})
      .doc("whether more or less is better; auto: as the node says that measures it");
  spec.param("min_delta", &Type::min_delta).min(0).doc("the gain that an improvement has to exceed");
}

}  // namespace twinflow::monitor
