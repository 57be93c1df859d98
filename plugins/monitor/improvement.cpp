#include "improvement.h"

#include <cmath>

namespace twinflow::monitor {

bool lower_is_better(Mode mode, Better better) {
  return mode == Mode::automatic ? better == Better::lower : mode == Mode::min;
}

void check_mode(const Checking& checking, Mode mode, Better better, const std::string& metric) {
  if (mode == Mode::automatic && better == Better::unknown)
    checking.error("monitor", "nothing says whether more or less of '" + metric +
                                  "' is better: add mode = \"max\" or mode = \"min\"");
}

void Improvement::save(State& state) const {
  if (best_) state.values["best"] = *best_;
}

void Improvement::restore(const State& state) {
  if (state.has("best")) best_ = state.value<double>("best");
}

bool Improvement::see(double value) {
  if (!std::isfinite(value)) return false;
  if (best_ && !(lower_ ? value + min_delta_ < *best_ : value - min_delta_ > *best_)) return false;
  best_ = value;
  return true;
}

}  // namespace twinflow::monitor
