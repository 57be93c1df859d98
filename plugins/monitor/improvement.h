#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twinflow/metrics.h"
#include "twinflow/node.h"
#include "twinflow/state.h"

namespace twinflow::monitor {

enum class Mode { automatic, max, min };

/// Whether more of a metric is worse: so says the mode, or, when automatic, who measures it.
bool lower_is_better(Mode mode, Better better);
/// Whether a metric, by its name, is a part of a whole: from 0 to 1.
bool is_fraction(std::string_view metric);
/// ": 5 % is 0.05" for a number that may have been meant so; else "".
std::string percent_hint(double value);

/// Keras' rule (callbacks.EarlyStopping): a value v improves on b when v - min_delta > b, or, where lower is
/// better, v + min_delta < b. So a tie is no improvement, nor a gain of exactly min_delta. A value that is
/// not finite never improves.
bool improves(double value, double on, bool lower, double min_delta);

/// The best value so far. The first finite value always improves, or, with `start`, what improves on that.
class Improvement {
 public:
  Improvement() = default;
  Improvement(bool lower, double min_delta, std::optional<double> start = {})
      : lower_(lower), min_delta_(min_delta), best_(start) {}

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

/// The `room` best values, each with the name of what has it. A value enters when there is room or when it
/// improves on the worst, which then leaves: so with room for one this is an Improvement. Of equal values the
/// earlier is the better. What is not finite never enters.
class Ranking {
 public:
  struct Place {
    double value;
    std::uint64_t name;
  };

  Ranking() = default;
  Ranking(bool lower, double min_delta, std::size_t room)
      : lower_(lower), min_delta_(min_delta), room_(room) {}

  /// True when it enters. What has a place already keeps it as it is.
  bool see(double value, std::uint64_t name);
  bool ranks_before(double value, double other) const { return improves(value, other, lower_, 0); }
  bool has(std::uint64_t name) const;
  void remove(std::uint64_t name);
  /// The best first.
  const std::vector<Place>& places() const { return places_; }
  /// What places() gave; the best of it, when there is less room now.
  void restore(std::vector<Place> places);

 private:
  bool lower_ = false;
  double min_delta_ = 0;
  std::size_t room_ = 0;
  std::vector<Place> places_;
};

/// What a node that acts on how metrics improve lets its user say of it.
struct Gain {
  Mode mode = Mode::automatic;
  double min_delta = 0;
};

/// Reports an automatic mode for a metric of which nobody said which way is better, a mode for which it would
/// get worse, and a gain that it can never exceed.
void check_gain(const Checking& checking, const Gain& gain, Better better, const std::string& metric);

/// The parameters of a node that acts on how one metric improves.
struct Watching : Gain {
  std::string monitor = "accuracy";
  Better better = Better::unknown;
  mutable bool heard = false;  // nothing feeds the node: it watches what another reports. Set by check()

  bool lower() const { return lower_is_better(mode, better); }
  Improvement improvement(std::optional<double> start = {}) const {
    return Improvement(lower(), min_delta, start);
  }
};

template <class Type>
void describe_gain(NodeSpec<Type>& spec) {
  spec.param("mode", &Type::mode)
      .names({{"auto", Mode::automatic}, {"max", Mode::max}, {"min", Mode::min}})
      .doc("whether more or less is better; auto: as the node says that measures it");
  spec.param("min_delta", &Type::min_delta).min(0).doc("the gain that an improvement has to exceed");
}

template <class Type>
void describe_watching(NodeSpec<Type>& spec) {
  spec.param("monitor", &Type::monitor)
      .doc(
          "the metric that decides; without `from`, the mean over each epoch of what a node reports, as "
          "\"twin.loss\"");
  spec.watches("monitor", &Type::monitor, &Type::better);
  describe_gain(spec);
}

}  // namespace twinflow::monitor
