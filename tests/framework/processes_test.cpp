#include "processes.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>

using namespace twinflow;

namespace {

std::string told(const std::map<std::string, std::string>& environment) {
  const auto started = started_together([&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
  return started ? started->by + " " + std::to_string(started->count) : "alone";
}

}  // namespace

TEST_CASE("who has started several processes is known from the environment") {
  CHECK(told({}) == "alone");
  CHECK(told({{"OMPI_COMM_WORLD_SIZE", "4"}, {"PMI_SIZE", "4"}}) == "mpirun 4");
  CHECK(told({{"SLURM_STEP_NUM_TASKS", "3"}, {"PMI_SIZE", "3"}}) == "srun 3");
  CHECK(told({{"PMI_SIZE", "2"}}) == "mpiexec 2");
}

TEST_CASE("one process, or nonsense in the environment, is a process by itself") {
  CHECK(told({{"OMPI_COMM_WORLD_SIZE", "1"}}) == "alone");
  CHECK(told({{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_NTASKS", "8"}}) == "alone");  // in a batch script
  CHECK(told({{"PMI_SIZE", "many"}}) == "alone");
  CHECK(told({{"PMI_SIZE", ""}}) == "alone");
}

TEST_CASE("processes that were started together are by themselves where the graph says so") {
  RunSettings run;
  run.distributed = default_component<Connection>("none");
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  const auto ranks = connect(run);
  unsetenv("OMPI_COMM_WORLD_SIZE");
  CHECK(ranks == nullptr);
}

TEST_CASE("threads that have to share a processor are told of, with the flag that mends it") {
  const std::optional<Started> nobody, mpirun = Started{"mpirun", 2}, srun = Started{"srun", 2};
  CHECK(crowding(4, 4, 16, nobody).empty());
  CHECK(crowding(1, 1, 16, nobody).empty());  // taskset: as it was asked for
  CHECK(crowding(2, 2, 2, mpirun).empty());
  CHECK(crowding(8, 2, 2, mpirun).empty());  // of nobody's making
  CHECK(crowding(1, 1, 1, mpirun).empty());
  CHECK(crowding(1, 1, 16, mpirun) ==
        "1 thread runs on one processor of 16, which the affinity mask allows: mpirun --map-by slot:PE=N "
        "gives each N, --bind-to none all");
  CHECK(crowding(1, 1, 16, Started{"mpiexec", 2}) ==
        "1 thread runs on one processor of 16, which the affinity mask allows: mpiexec -bind-to core:N gives "
        "each N, -bind-to none all");
  CHECK(crowding(4, 1, 16, srun) ==
        "all 4 threads run on one processor of 16, which the affinity mask allows: srun --cpus-per-task=N "
        "gives each N");
  CHECK(crowding(4, 2, 16, nobody) ==
        "all 4 threads run on 2 processors of 16, which the affinity mask allows");
}
