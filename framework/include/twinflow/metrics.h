#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "twinflow/tensors.h"

namespace twinflow {

/// Named numbers. Accuracies and the like are fractions of 1; who prints them says "%".
using Numbers = std::map<std::string, double, std::less<>>;

/// A value for people: accuracies, by their name, in percent ("83.10 %"), others with six digits ("0.0421").
/// With its interval, where `all` has NAME_low and NAME_high: "83.10 % (80.6-85.3)". What is no number is
/// "collapsed", where `all` says that it is so, or else "not a number".
std::string value_text(std::string_view name, double value, const Numbers& all = {});

/// Which way a metric is better.
enum class Better { unknown, higher, lower };

/// What was measured, and on which weights. Monitors act on it.
struct Metrics {
  static constexpr const char* port_type = "metrics";
  std::string node;         // that measured
  std::uint64_t epoch = 0;  // counted from 0
  std::uint64_t step = 0;   // optimiser updates made when it was measured
  Numbers values;
  std::string protocol;                       // how it was measured, in words
  std::shared_ptr<const NamedTensors> model;  // what was measured; may be empty
  /// By what their names begin with, how other metrics were measured: "5way" of "5way.accuracy".
  std::map<std::string, std::string, std::less<>> protocols = {};

  /// How a metric was measured.
  const std::string& protocol_of(std::string_view metric) const {
    const auto found = protocols.find(metric.substr(0, metric.find('.')));
    return metric.find('.') == metric.npos || found == protocols.end() ? protocol : found->second;
  }
};

}  // namespace twinflow
