#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph_file.h"
#include "twinflow/error.h"
#include "twinflow/spec.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/loss.h"
#include "twinflow/twin/optimizer.h"
#include "twinflow/twin/schedule.h"

/// What the tests of distances, losses, optimisers and schedules share.
namespace twinflow::twin {

/// A component as a graph file makes it: `type = "cosine"` and its parameters, one a line. Throws Error with
/// the problems.
template <class Base>
std::shared_ptr<const Base> component(const std::string& toml) {
  Problems problems;
  const Value value = parse_toml(toml, "component.toml", "", problems);
  std::shared_ptr<const Base> made;
  ParamType<std::shared_ptr<const Base>>::read(value, made, problems);
  if (!problems.empty()) throw Error(problems.str());
  return made;
}

/// The only message of the problems that the TOML makes.
template <class Base>
std::string problem_of(const std::string& toml) {
  Problems problems;
  const Value value = parse_toml(toml, "component.toml", "", problems);
  std::shared_ptr<const Base> made;
  ParamType<std::shared_ptr<const Base>>::read(value, made, problems);
  return problems.size() == 1 ? problems.list()[0].message : std::to_string(problems.size()) + " problems";
}

/// PyTorch's results, written by losses_reference.py.
inline const nlohmann::json& reference() {
  static const nlohmann::json read = [] {
    std::ifstream file(TWINFLOW_SOURCE_DIR "/tests/plugins/twin/losses_reference.json");
    return nlohmann::json::parse(file);
  }();
  return read;
}

/// check(one, component) for each case of that type in a section of the reference.
template <class Base, class Check>
void for_each_case(const char* section, const std::string& type, const Check& check) {
  std::size_t cases = 0;
  for (const auto& one : reference()[section]["cases"]) {
    const std::string toml = one["toml"];
    if (toml.find("\"" + type + "\"") == std::string::npos) continue;
    ++cases;
    CAPTURE(toml);
    const auto made = component<Base>(toml);
    CHECK(made->type == type);
    check(one, *made);
  }
  CHECK(cases >= 1);
}

inline std::vector<float> floats(const nlohmann::json& list) { return list.get<std::vector<float>>(); }

/// Every number within `tolerance`, relative to the larger of 1 and the size of the one expected.
template <class Number>
void check_close(const std::vector<Number>& found, const std::vector<Number>& expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    const double scale = std::max(1.0, std::abs(static_cast<double>(expected[i])));
    CHECK(std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i])) <= tolerance * scale);
  }
}

}  // namespace twinflow::twin
