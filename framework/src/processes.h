#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "run_settings.h"
#include "twinflow/ranks.h"

namespace twinflow {

/// That this process is one of several of one job, as who started them says.
struct Started {
  std::string by;  // "mpirun"
  int count = 1;
};

/// What the environment tells of Open MPI's mpirun, MPICH's, and srun; empty where it is no such process, or
/// the only one. `variable`: the value of an environment variable, or nullptr.
std::optional<Started> started_together(const std::function<const char*(const char*)>& variable);

/// What is wrong with so many threads on `allowed` processors of `online`, and what mends it; empty: nothing.
/// One processor for a process among several is what mpirun gives each unless told otherwise.
std::string crowding(int threads, int allowed, int online, const std::optional<Started>& started);

/// Connects this process with those that it was started with: as [run] distributed says, or by MPI where
/// several were started. nullptr for a process by itself. Throws Error when that fails.
std::unique_ptr<Ranks> connect(const RunSettings& run);

}  // namespace twinflow
