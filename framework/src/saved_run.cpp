#include "saved_run.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace twinflow {

std::filesystem::path state_file(const std::filesystem::path& directory) {
  return directory / "state.safetensors";
}

State position_state(const Plan& plan, std::uint64_t steps_per_epoch, const Position& position) {
  State state;
  state.values["seed"] = plan.run.seed;
  state.values["steps_per_epoch"] = static_cast<std::int64_t>(steps_per_epoch);
  state.values["epoch"] = static_cast<std::int64_t>(position.epoch);
  state.values["index"] = static_cast<std::int64_t>(position.index);
  if (position.stop) state.values["stop"] = *position.stop;
  state.values["graph"] = plan.resolved_toml;
  for (const Plan::PlannedNode& node : plan.nodes) state.values["type." + node.name] = node.info->type;
  return state;
}

bool has_ended(const std::filesystem::path& directory) {
  std::ifstream file(directory / "result.json");
  const auto result = nlohmann::json::parse(file, nullptr, false);
  if (!result.is_object() || !result.contains("status")) return false;
  return result["status"] == "finished" || result["status"] == "stopped";
}

SavedRun read_saved_run(const std::filesystem::path& directory, const Plan& plan) {
  const std::filesystem::path file = state_file(directory);
  if (!std::filesystem::exists(file))
    throw Error(fmt::format("'{}' holds no run that can be resumed: there is no '{}'", directory.string(),
                            file.string()));
  SavedRun run;
  run.states = read_states(file);
  const State& state = run.states["run"];
  std::map<std::string, std::string> saved;  // nodes and their types
  try {
    const auto seed = state.value<std::int64_t>("seed");
    if (seed != plan.run.seed)
      throw Error(fmt::format("it was saved with seed {}, the graph says {}", seed, plan.run.seed));
    for (const auto& [name, value] : state.values)
      if (name.starts_with("type.")) saved[name.substr(5)] = state.value<std::string>(name);
    for (const Plan::PlannedNode& node : plan.nodes) {
      if (!saved.contains(node.name))
        throw Error(fmt::format("it knows nothing of the node '{}'", node.name));
      if (saved[node.name] != node.info->type)
        throw Error(fmt::format("the node '{}' was a {}, now it is a {}", node.name, saved[node.name],
                                node.info->type));
      saved.erase(node.name);
    }
    if (!saved.empty())
      throw Error(fmt::format("it has a node '{}', which the graph has not", saved.begin()->first));
    run.position.epoch = static_cast<std::uint64_t>(state.value<std::int64_t>("epoch"));
    run.position.index = static_cast<std::uint64_t>(state.value<std::int64_t>("index"));
    if (state.has("stop")) run.position.stop = state.value<std::string>("stop");
    run.steps_per_epoch = static_cast<std::uint64_t>(state.value<std::int64_t>("steps_per_epoch"));
    run.same_graph = state.value<std::string>("graph") == plan.resolved_toml;
  } catch (const Error& error) {
    throw Error(fmt::format("'{}' cannot be resumed from with this graph: {}", file.string(), error.what()));
  }
  return run;
}

}  // namespace twinflow
