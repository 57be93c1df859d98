#include "saved_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "twinflow/hash.h"
#include "twinflow/libraries.h"
#include "twinflow/read_bounded.h"

namespace twinflow {

namespace fs = std::filesystem;

fs::path state_file(const fs::path& directory) { return directory / state_name; }
fs::path previous_state_file(const fs::path& directory) { return directory / previous_state_name; }

State position_state(const Plan& plan, std::uint64_t steps_per_epoch, const Position& position,
                     const std::map<std::string, std::string>& about, const std::string& graph_mark) {
  State state;
  state.values["seed"] = plan.run.seed;
  state.values["steps_per_epoch"] = static_cast<std::int64_t>(steps_per_epoch);
  state.values["epoch"] = static_cast<std::int64_t>(position.epoch);
  state.values["index"] = static_cast<std::int64_t>(position.index);
  if (position.stop) state.values["stop"] = *position.stop;
  if (position.batches_per_item != 1)
    state.values["batches_per_item"] = static_cast<std::int64_t>(position.batches_per_item);
  state.values["graph"] = plan.resolved_toml;
  if (!graph_mark.empty()) state.values["graph_mark"] = graph_mark;
  for (const Plan::PlannedNode& node : plan.nodes) state.values["type." + node.name] = node.info->type;
  for (const auto& [name, text] : about)
    if (name.starts_with("data.")) state.values[name] = text;
  for (const auto& [name, version] : libraries()) state.values["library." + name] = version;
  return state;
}

std::string graph_mark(const fs::path& graph_file, const fs::path& directory) {
  const std::string seen =
      fs::weakly_canonical(graph_file).lexically_relative(fs::weakly_canonical(directory)).string();
  StableHash hash;
  hash.add(seen);
  return fmt::format("{:016x}", hash.value());
}

void write_saved_run(const Folder& directory, NamedTensors& packed, bool state_is_bad) {
  write_states(directory, next_state_name, packed);  // is whole and on the disk before the others are touched
  // After a failure, or a kill, between the two renames, there is none to be moved.
  if (!state_is_bad && directory.exists(state_name)) directory.rename(state_name, previous_state_name);
  directory.replace(next_state_name, state_name);
}

namespace {

SavedRun saved_run(const fs::path& file, States states) {
  SavedRun run;
  run.file = file;
  run.states = std::move(states);
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
      if (name.starts_with("library.")) run.libraries[name.substr(8)] = state.value<std::string>(name);
    }
    run.position = {count("epoch"), count("index"), std::nullopt, 1};
    if (state.has("batches_per_item")) run.position.batches_per_item = count("batches_per_item");
    if (state.has("stop")) run.position.stop = state.value<std::string>("stop");
    run.steps_per_epoch = count("steps_per_epoch");
    run.graph = state.value<std::string>("graph");
    if (state.has("graph_mark")) run.graph_mark = state.value<std::string>("graph_mark");
    run.states["record"].value<std::int64_t>("metrics_bytes");
  } catch (const Error& error) {
    throw Error(fmt::format("'{}' cannot be resumed from: {}", file.string(), error.what()));
  }
  return run;
}

bool is_there(const fs::path& file) {
  std::error_code unknown;
  return fs::exists(file, unknown);
}

void require_there(const fs::path& file) {
  if (!is_there(file)) throw Error(fmt::format("there is no '{}'", file.string()));
}

/// The newest state that `read` can read.
template <class Read>
SavedRun newest_of(const fs::path& directory, const Read& read) {
  const fs::path file = state_file(directory), previous = previous_state_file(directory);
  if (!is_there(file) && !is_there(previous))
    throw Error(fmt::format("'{}' holds no run that can be resumed: there is no '{}'", directory.string(),
                            file.string()));
  std::string why;
  try {
    return read(file);
  } catch (const NewerState&) {
    throw;  // the one before would only hide that another program is needed
  } catch (const std::exception& error) {
    why = error.what();
  }
  try {
    SavedRun run = read(previous);
    run.newest_is_bad = why;
    return run;
  } catch (const NewerState&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(fmt::format("{}; nor can the state before be used: {}", why, error.what()));
  }
}

}  // namespace

SavedRun read_state(const fs::path& file) {
  require_there(file);
  return saved_run(file, read_states(file));
}

SavedRun read_saved_run(const fs::path& directory) { return newest_of(directory, read_state); }

SavedRun read_saved_values(const fs::path& directory) {
  return newest_of(directory, [](const fs::path& file) {
    require_there(file);
    return saved_run(file, read_state_values(file));
  });
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

/// Discarded where there is none that can be read.
nlohmann::json result_of(const fs::path& directory) {
  try {
    return nlohmann::json::parse(read_bounded(directory / "result.json", most_result_bytes), nullptr, false);
  } catch (const Error&) {
    return nlohmann::json::value_t::discarded;
  }
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
    const Position position = read_saved_values(directory).position;
    return position.stop && position.index == 0;
  } catch (const Error&) {
    return true;  // it cannot be gone on with, but one before it may
  }
}

}  // namespace

namespace {

/// Where nothing tells, it may be.
bool is_of(const Plan& plan, const fs::path& directory) {
  try {
    const std::string mark = read_saved_values(directory).graph_mark;
    return mark.empty() || mark == graph_mark(plan.graph_file, directory);
  } catch (const std::exception&) {
    return true;  // whoever resumes it is told why it cannot be
  }
}

}  // namespace

fs::path newest_run(const Plan& plan) {
  const fs::path runs = fs::path("runs") / plan.graph_name;
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
  bool own = false;
  for (const auto& [written, directory] : found) {
    if (!is_of(plan, directory)) continue;
    own = true;
    if (!is_over(directory, plan.run.epochs.count())) return directory;
  }
  throw Error(fmt::format("there is no run to go on with under '{}'{}", runs.string(),
                          own             ? ": what is there has come to its end"
                          : found.empty() ? ""
                                          : ": what is there was made by another graph file of that name"));
}

}  // namespace twinflow
