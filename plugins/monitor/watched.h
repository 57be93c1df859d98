#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "twinflow/metrics.h"

namespace twinflow::monitor {

/// A metric's name without who measured it: "accuracy" of "one_shot.accuracy".
std::string_view own_name(const Metrics& metrics, std::string_view name);

/// The value of that metric, called "accuracy" or, with who measured it, "one_shot.accuracy". Throws Error,
/// with the names that there are, when it was not measured.
double watched(const Metrics& metrics, std::string_view name);

/// "1 evaluation", "3 evaluations"
std::string evaluations(std::uint64_t count);

}  // namespace twinflow::monitor
