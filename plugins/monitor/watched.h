#pragma once

#include <string>
#include <string_view>

#include "twinflow/metrics.h"

namespace twinflow::monitor {

/// The value of that metric. Throws Error, with the names that there are, when it was not measured.
double watched(const Metrics& metrics, std::string_view name);

/// A value for people: accuracies, by their name, in percent ("83.10 %"); other values with six digits
/// ("0.0421").
std::string shown(std::string_view name, double value);

}  // namespace twinflow::monitor
