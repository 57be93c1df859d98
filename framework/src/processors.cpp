#include "processors.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "cgroup.h"

namespace twinflow {

namespace {

/// The processors in the affinity mask of this process's main thread.
std::vector<int> affinity() {
  for (int room = 1024;; room *= 2) {  // the kernel's own mask may be larger than cpu_set_t
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(CPU_ALLOC(room),
                                                                [](cpu_set_t* one) { CPU_FREE(one); });
    const std::size_t size = CPU_ALLOC_SIZE(room);
    if (sched_getaffinity(getpid(), size, mask.get()) != 0) {
      if (errno == EINVAL && room < (1 << 20)) continue;
      throw std::system_error(errno, std::generic_category(), "the affinity mask cannot be read");
    }
    std::vector<int> allowed;
    for (int i = 0; i < room; ++i)
      if (CPU_ISSET_S(static_cast<std::size_t>(i), size, mask.get())) allowed.push_back(i);
    return allowed;
  }
}

/// What MPI has started here, as Open MPI says it, or MPICH; nullptr where neither does.
const char* ranks_here() {
  const char* const local = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  return local ? local : std::getenv("MPI_LOCALNRANKS");
}
int count_of(const char* ranks) { return std::max(ranks ? std::atoi(ranks) : 1, 1); }

}  // namespace

UsableProcessors usable_processors() {
  return usable_processors(affinity(), static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)), "/",
                           std::getenv("SLURM_CPUS_PER_TASK"), ranks_here());
}

int processes_here() { return count_of(ranks_here()); }

UsableProcessors usable_processors(std::vector<int> allowed, int online, const std::filesystem::path& root,
                                   const char* cpus_per_task, const char* ranks_here) {
  UsableProcessors made;
  const int in_mask = static_cast<int>(allowed.size());
  made.allowed = std::move(allowed);
  made.count = std::max(in_mask, 1);
  std::string why =
      in_mask < online ? fmt::format("the affinity mask allows {}", in_mask) : "nothing limits them";
  const int ranks = count_of(ranks_here);
  if (const auto quota = processor_quota(root); quota && quota->value / ranks < made.count) {
    // Rounded up, as part of a processor is of use, too; but ranks wait for each other, and one that is
    // stopped stops all.
    made.count =
        std::max(static_cast<int>(ranks > 1 ? std::floor(quota->value / ranks) : std::ceil(quota->value)), 1);
    why = fmt::format("the cgroup {} allows {:.2f}", quota->group.path, quota->value);
    if (ranks > 1) why += fmt::format(", and {} processes were started here", ranks);
  }
  if (const int granted = cpus_per_task ? std::atoi(cpus_per_task) : 0; granted > 0 && granted < made.count) {
    made.count = granted;
    why = fmt::format("SLURM_CPUS_PER_TASK is {}", granted);
  }
  if (ranks > 1 && made.count > 1 && made.count == online) {
    made.count = std::max(made.count / ranks, 1);
    why = fmt::format("{} processes were started here, bound to none", ranks);
  }
  made.reason = fmt::format("{} of {} processors: {}", made.count, online, why);
  return made;
}

}  // namespace twinflow
