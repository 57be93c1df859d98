#include "saved_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "files.h"

namespace twinflow {

namespace fs = std::filesystem;

fs::path state_file(const fs::path& directory) { return directory / "state.safetensors"; }
fs::path previous_state_file(const fs::path& directory) { return directory / "state.previous.safetensors"; }

State position_state(const Plan& plan, std::uint64_t steps_per_epoch, const Position& position,
                     const std::map<std::string, std::string>& about) {
  State state;
  state.values["seed"] = plan.run.seed;
  state.values["steps_per_epoch"] = static_cast<std::int64_t>(steps_per_epoch);
  state.values["epoch"] = static_cast<std::int64_t>(position.epoch);
  state.values["index"] = static_cast<std::int64_t>(position.index);
  if (position.stop) state.values["stop"] = *position.stop;
  if (position.batches_per_item != 1)
    state.values["batches_per_item"] = static_cast<std::int64_t>(position.batches_per_item);
  state.values["graph"] = plan.resolved_toml;
  for (const Plan::PlannedNode& node : plan.nodes) state.values["type." + node.name] = node.info->type;
  for (const auto& [name, text] : about)
    if (name.starts_with("data.")) state.values[name] = text;
  return state;
}

void write_saved_run(const fs::path& directory, NamedTensors& packed, bool state_is_bad) {
  const fs::path file = state_file(directory), previous = previous_state_file(directory);
  const fs::path next = directory / "state.next.safetensors";
  write_states(next, packed);  // is whole and on the disk before the others are touched
  // After a failure, or a kill, between the two renames, there is none to be moved.
  if (!state_is_bad && ::rename(file.c_str(), previous.c_str()) != 0 && errno != ENOENT)
    throw Error(fmt::format("cannot rename '{}' to '{}': {}", file.string(), previous.string(),
                            std::strerror(errno)));
  replace_file(next, file);
}

SavedRun read_state(const fs::path& file) {
  if (!fs::exists(file)) throw Error(fmt::format("there is no '{}'", file.string()));
  SavedRun run;
  run.file = file;
  run.states = read_states(file);
  const State& state = run.states["run"];
  const auto count = [&](const std::string& name) {
    const auto number = state.value<std::int64_t>(name);
    if (number < 0) throw Error(fmt::format("its value '{}' is {}", name, number));
    return static_cast<std::uint64_t>(number);
  };
  try {
    for (const auto& [name, value] : state.values) {
      if (name.starts_with("type.")) run.types[name.substr(5)] = state.value<std::string>(name);
      if (name.starts_with("data.")) run.data[name] = state.value<std::string>(name);
    }
    run.position = {count("epoch"), count("index"), std::nullopt, 1};
    if (state.has("batches_per_item")) run.position.batches_per_item = count("batches_per_item");
    if (state.has("stop")) run.position.stop = state.value<std::string>("stop");
    run.steps_per_epoch = count("steps_per_epoch");
    run.graph = state.value<std::string>("graph");
    run.states["record"].value<std::int64_t>("metrics_bytes");
  } catch (const Error& error) {
    throw Error(fmt::format("'{}' cannot be resumed from: {}", file.string(), error.what()));
  }
  return run;
}

SavedRun read_saved_run(const fs::path& directory) {
  const fs::path file = state_file(directory), previous = previous_state_file(directory);
  if (!fs::exists(file) && !fs::exists(previous))
    throw Error(fmt::format("'{}' holds no run that can be resumed: there is no '{}'", directory.string(),
                            file.string()));
  std::string why;
  try {
    return read_state(file);
  } catch (const NewerState&) {
    throw;  // the one before would only hide that another program is needed
  } catch (const Error& error) {
    why = error.what();
  }
  try {
    SavedRun run = read_state(previous);
    run.newest_is_bad = why;
    return run;
  } catch (const NewerState&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("{}; nor can the state before be used: {}", why, error.what()));
  }
}

void forget_node(SavedRun& run, const std::string& name) {
  run.types.erase(name);
  run.states.erase("node." + name);
  // Of the record's values, the middle of "best/NODE/METRIC".
  std::erase_if(run.states["record"].values, [&](const auto& one) {
    const auto first = one.first.find('/');
    return first != std::string::npos && one.first.compare(first, name.size() + 2, "/" + name + "/") == 0;
  });
}

namespace {

nlohmann::json result_of(const fs::path& directory) {
  std::ifstream file(directory / "result.json");
  return nlohmann::json::parse(file, nullptr, false);
}

}  // namespace

bool has_ended(const fs::path& directory) {
  const auto result = result_of(directory);
  if (!result.is_object() || !result.contains("status")) return false;
  return result["status"] == "finished" || result["status"] == "stopped";
}

namespace {

/// All epochs are done, or a node has stopped it. (What a budget has stopped goes on with a larger one.)
bool is_over(const fs::path& directory, std::uint64_t epochs) {
  if (!has_ended(directory)) return false;
  const nlohmann::json result = result_of(directory);
  if (result["status"] == "finished")
    return result.contains("epochs") && result["epochs"].is_number_unsigned() &&
           result["epochs"].get<std::uint64_t>() >= epochs;
  try {
    const Position position = read_saved_run(directory).position;
    return position.stop && position.index == 0;
  } catch (const Error&) {
    return true;  // it cannot be gone on with, but one before it may
  }
}

}  // namespace

fs::path newest_run(const std::string& graph_name, std::uint64_t epochs) {
  const fs::path runs = fs::path("runs") / graph_name;
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(runs, none)) {
    std::optional<fs::file_time_type> written;
    for (const fs::path& file : {state_file(entry.path()), previous_state_file(entry.path())}) {
      std::error_code failed;
      const auto time = fs::last_write_time(file, failed);
      if (!failed && (!written || time > *written)) written = time;
    }
    if (written) found.emplace_back(*written, entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  for (const auto& [written, directory] : found)
    if (!is_over(directory, epochs)) return directory;
  throw Error(fmt::format("there is no run to go on with under '{}'{}", runs.string(),
                          found.empty() ? "" : ": what is there has come to its end"));
}

}  // namespace twinflow
