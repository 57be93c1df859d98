#include "processes.h"

#include <fmt/format.h>

#include <cstdlib>

#include "plugins.h"
#include "twinflow/error.h"
#include "twinflow/spec.h"

namespace twinflow {

namespace {

/// No connection.
class None final : public Connection {
 public:
  static void describe(Spec<None>& spec) {
    spec.summary(
        "Processes that mpirun or srun has started, but each of which runs the graph by itself, with a run "
        "directory of its own.");
    spec.example(R"([run]
epochs = 3
steps_per_epoch = 10
distributed = "none")");
  }
  std::unique_ptr<Communicator> connect() const override { return nullptr; }
};
const bool none_is_known = (register_component<None>("none"), true);

}  // namespace

std::optional<Started> started_together(const std::function<const char*(const char*)>& variable) {
  for (const auto& [by, name] :
       {std::pair("mpirun", "OMPI_COMM_WORLD_SIZE"),
        {"srun", "SLURM_STEP_NUM_TASKS"},  // before PMI_SIZE, which srun may set, too
        {"mpiexec", "PMI_SIZE"}}) {
    const char* text = variable(name);
    if (const int count = text ? std::atoi(text) : 0; count > 1) return Started{by, count};
  }
  return std::nullopt;
}

std::string crowding(int threads, int allowed, int online, const std::optional<Started>& started) {
  if (allowed >= online) return "";
  if (threads <= allowed && !(started && allowed == 1)) return "";
  const std::string which = allowed == 1 ? "one processor" : fmt::format("{} processors", allowed);
  const std::string mend = !started                ? ""
                           : started->by == "srun" ? ": srun --cpus-per-task=N gives each N"
                           : started->by == "mpiexec"
                               ? ": mpiexec -bind-to core:N gives each N, -bind-to none all"
                               : ": mpirun --map-by slot:PE=N gives each N, --bind-to none all";
  return fmt::format("{} run{} on {} of {}, which the affinity mask allows{}",
                     threads == 1 ? "1 thread" : fmt::format("all {} threads", threads),
                     threads == 1 ? "s" : "", which, online, mend);
}

std::unique_ptr<Ranks> connect(const RunSettings& run) {
  const auto started = started_together([](const char* name) { return std::getenv(name); });
  if (run.distributed ? run.distributed->type == "none" : !started) return nullptr;
  PluginIndex::instance();
  std::unique_ptr<Ranks> ranks;
  try {
    ranks =
        std::make_unique<Ranks>(run.distributed ? *run.distributed : *default_component<Connection>("mpi"));
  } catch (const Error& error) {
    if (!started) throw;
    throw Error(
        fmt::format("{} has started {} processes, but this one cannot be connected with the others: {}",
                    started->by, started->count, error.what()));
  }
  if (started && ranks->size() == 1)
    throw Error(fmt::format(
        "{} has started {} processes, but MPI knows of this one only{}", started->by, started->count,
        started->by == "srun" ? ": it needs srun --mpi=pmix, or whatever srun --mpi=list shows" : ""));
  return ranks;
}

}  // namespace twinflow
