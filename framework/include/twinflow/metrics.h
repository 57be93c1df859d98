#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "twinflow/tensors.h"

namespace twinflow {

/// Named numbers. Accuracies and the like are fractions of 1; who prints them says "%".
using Numbers = std::map<std::string, double, std::less<>>;

/// What was measured, and on which weights. Monitors act on it.
struct Metrics {
  static constexpr const char* port_type = "metrics";
  std::uint64_t epoch = 0;  // counted from 0
  std::uint64_t step = 0;   // optimiser updates made when it was measured
  Numbers values;
  std::string protocol;                       // how it was measured, in words
  std::shared_ptr<const NamedTensors> model;  // what was measured; may be empty
};

}  // namespace twinflow
