#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace twinflow {

/// How many processors a run should use, and why not more.
struct UsableProcessors {
  int count = 1;             // at least 1; a quota of 2.5 processors counts as 3
  std::vector<int> allowed;  // numbers of the processors in the affinity mask
  std::string reason;        // "2 of 16 processors: the cgroup /a/b allows 2.00"
};

/// The processors that this process may use: those of its affinity mask (taskset, cpusets, batch systems), or
/// fewer where its control groups allow less time than that, or where Slurm has granted its task fewer and
/// binds it to none (SLURM_CPUS_PER_TASK). Any thread.
UsableProcessors usable_processors();

/// The same from what is given: the processors in the mask, how many are online, the folder that holds proc
/// and sys, and what Slurm has granted (nullptr: it has not said).
UsableProcessors usable_processors(std::vector<int> allowed, int online, const std::filesystem::path& root,
                                   const char* cpus_per_task = nullptr);

}  // namespace twinflow
