#pragma once

#include "components.h"

/// What the tests of schedules share.
namespace twinflow::twin {

/// All cases of that schedule in the reference.
inline void check_schedule(const std::string& type) {
  const auto& data = reference()["schedules"];
  for_each_case<Schedule>("schedules", type, [&](const nlohmann::json& one, const Schedule& schedule) {
    std::vector<double> factors;
    for (std::uint64_t t = 0; t < one["factors"].size(); ++t)
      factors.push_back(schedule.factor({t, data["total"], data["updates_per_epoch"]}));
    check_close(factors, one["factors"].get<std::vector<double>>(), 1e-10);
  });
}

}  // namespace twinflow::twin
