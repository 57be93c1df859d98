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
/// fewer where its control groups allow less time than that, where Slurm has granted its task fewer and
/// binds it to none (SLURM_CPUS_PER_TASK), or where MPI has started several on this machine
/// (OMPI_COMM_WORLD_LOCAL_SIZE, MPI_LOCALNRANKS), which divide a quota, and a machine that each may use all
/// of. Any thread.
UsableProcessors usable_processors();

/// How many processes of one job MPI has started on this machine, this one included; 1 where none has.
int processes_here();

/// The same from what is given: the processors in the mask, how many are online, the folder that holds proc
/// and sys, what Slurm has granted, and how many MPI has started here (nullptr: they have not said).
UsableProcessors usable_processors(std::vector<int> allowed, int online, const std::filesystem::path& root,
                                   const char* cpus_per_task = nullptr, const char* ranks_here = nullptr);

}  // namespace twinflow
