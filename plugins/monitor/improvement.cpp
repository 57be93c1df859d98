#include "improvement.h"

#include <cmath>

namespace twinflow::monitor {

bool lower_is_better(Mode mode, std::string_view metric) {
  if (mode != Mode::automatic) return mode == Mode::min;
  return metric.find("loss") != metric.npos || metric.find("error") != metric.npos;
}

bool Improvement::see(double value) {
  if (!std::isfinite(value)) return false;
  if (best_ && !(lower_ ? value + min_delta_ < *best_ : value - min_delta_ > *best_)) return false;
  best_ = value;
  return true;
}

}  // namespace twinflow::monitor
