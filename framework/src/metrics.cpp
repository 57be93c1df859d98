#include "twinflow/metrics.h"

#include <fmt/format.h>

#include <cmath>

namespace twinflow {

std::string value_text(std::string_view name, double value, const Numbers& all) {
  if (std::isnan(value)) {
    const auto collapsed = all.find("collapsed");
    return collapsed != all.end() && collapsed->second == 1 ? "collapsed" : "not a number";
  }
  const bool percent = name.find("accuracy") != name.npos;
  std::string text = percent ? fmt::format("{:.2f} %", 100 * value) : fmt::format("{:.6g}", value);
  const auto low = all.find(fmt::format("{}_low", name)), high = all.find(fmt::format("{}_high", name));
  if (low == all.end() || high == all.end() || std::isnan(low->second) || std::isnan(high->second))
    return text;
  return text + (percent ? fmt::format(" ({:.1f}-{:.1f})", 100 * low->second, 100 * high->second)
                         : fmt::format(" ({:.6g}-{:.6g})", low->second, high->second));
}

}  // namespace twinflow
