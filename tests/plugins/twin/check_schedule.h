#pragma once

#include "components.h"

/// What the tests of schedules share.
namespace twinflow::twin {

/// All cases of that schedule in the reference.
inline void check_schedule(const std::string& type) {
  const auto& data = reference()["schedules"];
  std::size_t cases = 0;
  for (const auto& one : data["cases"]) {
    const std::string toml = one["toml"];
    if (toml.find("\"" + type + "\"") == std::string::npos) continue;
    ++cases;
    CAPTURE(toml);
    const auto schedule = component<Schedule>(toml);
    CHECK(schedule->type == type);
    std::vector<double> factors;
    for (std::uint64_t t = 0; t < one["factors"].size(); ++t)
      factors.push_back(schedule->factor({t, data["total"], data["updates_per_epoch"]}));
    check_close(factors, one["factors"].get<std::vector<double>>(), 1e-10);
  }
  CHECK(cases >= 1);
}

}  // namespace twinflow::twin
