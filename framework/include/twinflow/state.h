#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "twinflow/tensors.h"

namespace twinflow {

/// What a node needs to go on where it stopped: named tensors and named values. Kept to the last bit, numbers
/// that are not finite included. Integers are std::int64_t.
class State {
 public:
  using Value = std::variant<bool, std::int64_t, double, std::string>;

  std::map<std::string, Tensor> tensors;
  std::map<std::string, Value> values;

  bool has(const std::string& name) const { return values.contains(name); }
  /// Throw Error naming what is missing, or of another type than T (one of Value's).
  template <class T>
  const T& value(const std::string& name) const;
  const Tensor& tensor(const std::string& name) const;
};

extern template const bool& State::value(const std::string&) const;
extern template const std::int64_t& State::value(const std::string&) const;
extern template const double& State::value(const std::string&) const;
extern template const std::string& State::value(const std::string&) const;

}  // namespace twinflow
