#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/inotify.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "program.h"
#include "states.h"
#include "twinflow/random.h"

/// A real training that is killed with SIGKILL at chosen and at random moments, and resumed, again and again;
/// and how what it leaves compares with an uninterrupted run.
namespace kill_chain {

/// Everything that keeps memory from step to step: batch normalisation's averages, dropout, momentum, a
/// gradient that is gathered over epochs' ends, a schedule, monitors. An epoch takes some hundredths of a
/// second.
inline std::string graph(std::size_t epochs, std::size_t steps_per_epoch) {
  return fmt::format(R"([run]
seed = 3
epochs = {}
steps_per_epoch = {}
save_every = 1
save_steps = 7

[node.glyphs]
type = "data.glyphs"
classes = 60
classes_per_alphabet = 10
samples = 6
size = 16
test_alphabets = 1
validation_alphabets = 1

[node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = 16
samples_per_class = 2

[node.augmented]
type = "augment.affine"
from = "batches"
rotation = [-10.0, 10.0]

[node.twin]
type = "twin.train"
from = "augmented"
loss = {{ type = "all_pairs" }}
optimizer = {{ type = "sgd", learning_rate = 0.01, momentum = 0.9 }}
schedule = {{ type = "time_decay" }}
accumulate = 3
model_every = 5
weight_average = 0.9
layer = [
  {{ type = "conv", filters = 8, size = 3 }},
  {{ type = "batch_norm" }},
  {{ type = "relu" }},
  {{ type = "max_pool", size = 2 }},
  {{ type = "dropout", rate = 0.2 }},
  {{ type = "dense", units = 16 }},
]

[node.one_shot]
type = "twin.evaluate"
from = {{ model = "twin.model", data = "glyphs.test" }}
ways = 5
trials = 100

[node.best]
type = "monitor.checkpoint"
from = "one_shot"
monitor = "accuracy"
best = 2
last = true
every = 10

[node.table]
type = "monitor.csv"

[node.slow_down]
type = "monitor.plateau"
from = "one_shot"
monitor = "accuracy"
patience = 3
factor = 0.7

[node.stop]
type = "monitor.early_stop"
from = "one_shot"
monitor = "accuracy"
patience = 1000000
)",
                     epochs, steps_per_epoch);
}

// What must be the same, as named texts. What an epoch took is no result.

/// Of a value in the state: it depends on the clock, as the length of a file with times in it does, and which
/// of its lines are still to be written.
inline bool is_time(const std::string& name) {
  for (const char* time : {"/seconds", "/images_per_second", "/waiting", "/metrics_bytes", "node.table/bytes",
                           "node.table/waiting_rows"})
    if (name.ends_with(time)) return true;
  return false;
}

/// A line of a table without the columns, as its first line calls them, that tell of clocks.
inline std::string without_times(const std::string& line, const std::string& head) {
  std::istringstream fields(line), names(head);
  std::string kept;
  for (std::string field, name; std::getline(names, name, ',') && std::getline(fields, field, ',');)
    if (name != "time" && !is_time("/" + name.substr(name.find('.') + 1))) kept += field + ",";
  return kept;
}

/// Texts by name: of metrics.jsonl each line (an evaluation within an epoch goes on beside the training, so
/// that only one node's lines have an order), of table.csv likewise, of result.json what does not tell of
/// this process, of the state each value and tensor, and of all other safetensors files all bytes. A further
/// kind of file goes here.
inline std::map<std::string, std::string> results(const std::filesystem::path& run) {
  std::map<std::string, std::string> all;
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  std::map<std::string, std::size_t> count;  // by node
  for (std::string line; std::getline(lines, line);) {
    std::string node;
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object()) {
      json.erase("time");
      node = json.value("node", "");
      for (const char* time : {"seconds", "images_per_second", "waiting"}) json["metrics"].erase(time);
      line = json.dump();
    }
    all[fmt::format("metrics.jsonl, line {:06} of '{}'", ++count[node], node)] = line;
  }
  std::istringstream table(read_file(run / "table.csv"));
  std::string head;
  for (std::string line; std::getline(table, line);) {
    if (head.empty()) head = line;
    all[fmt::format("table.csv, line {:06}", ++count["table.csv"])] = without_times(line, head);
  }
  const auto result = nlohmann::json::parse(read_file(run / "result.json"), nullptr, false);
  for (const char* key : {"status", "reason", "epochs", "steps", "best"})
    all[std::string("result.json, ") + key] = result.is_object() ? result[key].dump() : "";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run)) {
    const std::string name = entry.path().lexically_relative(run).string();
    if (name.starts_with("state.")) continue;
    if (entry.path().extension() == ".safetensors") all[name] = read_file(entry.path());
    if (entry.path().extension() == ".tmp" || entry.path().extension() == ".part") all[name] = "left over";
  }
  const twinflow::NamedTensors state = twinflow::packed(twinflow::read_states(run / "state.safetensors"));
  for (const auto& [name, text] : state.metadata)
    if (!is_time(name)) all["state, " + name] = text;
  for (const auto& [name, tensor] : state.tensors)
    all["state, " + name] =
        std::string(reinterpret_cast<const char*>(tensor.values.data()), 4 * tensor.values.size());
  return all;
}

/// Names of what is not the same; empty: not a bit differs.
inline std::vector<std::string> differences(const std::filesystem::path& one,
                                            const std::filesystem::path& other) {
  const auto first = results(one), second = results(other);
  std::vector<std::string> names;
  for (const auto& [name, text] : first)
    if (!second.contains(name) || second.at(name) != text) names.push_back(name);
  for (const auto& [name, text] : second)
    if (!first.contains(name)) names.push_back(name);
  return names;
}

/// The same in one text.
inline std::string difference(const std::filesystem::path& one, const std::filesystem::path& other) {
  return fmt::format("{}", fmt::join(differences(one, other), "; "));
}

/// Waits until something happens to one of these files in a folder: until one is made, opened anew or renamed
/// to. `file`: a name, or the beginning of one and a *. False when `limit` passed before, or the process has
/// ended.
class Watch {
 public:
  explicit Watch(const std::filesystem::path& folder) : descriptor_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    inotify_add_watch(descriptor_, folder.c_str(), IN_CREATE | IN_OPEN | IN_MOVED_TO | IN_MODIFY);
  }
  ~Watch() { close(descriptor_); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  bool wait(const std::string& file, std::chrono::milliseconds limit, pid_t process) const {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < until) {
      siginfo_t ended{};
      if (waitid(P_PID, process, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != 0) return false;
      pollfd ready{descriptor_, POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) continue;
      alignas(inotify_event) char buffer[1 << 14];
      const ssize_t got = read(descriptor_, buffer, sizeof buffer);
      for (ssize_t at = 0; at < got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        const std::string name = event->len > 0 ? event->name : "";
        if (file.ends_with('*') ? name.starts_with(file.substr(0, file.size() - 1)) : name == file)
          return true;
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
    }
    return false;
  }

 private:
  int descriptor_;
};

/// How many kills came when. `writing`: a file was half written, or one of two renames was done.
struct Kills {
  std::size_t opening = 0, training = 0, writing = 0;
  std::size_t all() const { return opening + training + writing; }
  std::string text() const {
    return fmt::format("{} kills: {} while opening, {} while training, {} while writing", all(), opening,
                       training, writing);
  }
};

/// The files that are half written, with when: a kill may leave them for long.
inline std::map<std::filesystem::path, std::filesystem::file_time_type> half_written(
    const std::filesystem::path& run) {
  std::map<std::filesystem::path, std::filesystem::file_time_type> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run))
    if (const auto& file = entry.path();
        !entry.is_symlink() && (file.filename() == "state.next.safetensors" || file.extension() == ".tmp" ||
                                file.extension() == ".part"))
      found[file] = entry.last_write_time();
  return found;
}

/// Starts temp/graph.toml in temp/`run`, kills and resumes it until it was killed so often, then lets it end.
/// Every start has another number of threads. Gives out how it ended: "" when it did so well.
inline std::string kill_again_and_again(const TempFolder& temp, const std::string& run, std::size_t wanted,
                                        std::uint64_t seed, Kills& kills,
                                        const std::function<void(const Kills&)>& told = {}) {
  using std::chrono::milliseconds;
  const std::filesystem::path folder = temp.path / run;
  // A state is written so: its temporary is made, and renamed; the last one becomes the one before; it takes
  // its place. Models and metrics are written, too.
  const std::vector<std::string> moments = {"state.next.safetensors.tmp", "state.next.safetensors.tmp",
                                            "state.next.safetensors",     "state.previous.safetensors",
                                            "state.safetensors",          "best-step-*",
                                            "best.safetensors.tmp"};
  for (std::uint64_t start = 0;; ++start) {
    twinflow::Random random(twinflow::stream_key(seed, "kill", "chain"), 0, start);
    const bool fresh = !std::filesystem::exists(folder / "state.safetensors") &&
                       !std::filesystem::exists(folder / "state.previous.safetensors");
    std::filesystem::create_directories(folder);
    std::vector<std::string> arguments{"graph.toml", fresh ? "--output" : "--resume", run, "--threads",
                                       std::to_string(1 + random.below(4))};
    if (kills.all() >= wanted || start > 4 * wanted) {
      const Finished last = Process(temp, "flowrun", arguments).wait();
      return last.exit_code == 0 ? "" : fmt::format("exit code {}: {}", last.exit_code, last.errors);
    }
    const auto reported = [&] {
      std::error_code none;
      return std::filesystem::last_write_time(folder / "metrics.jsonl", none);
    };
    const auto before = reported();
    const auto half_before = half_written(folder);
    const Watch watch(folder);
    const Process program(temp, "flowrun", arguments);
    const double what = random.uniform();
    if (what < 0.15) {
      std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform(0.0, 0.3)));
    } else {
      watch.wait("metrics.jsonl", milliseconds(20'000), program.process);  // it trains
      if (what < 0.5) {
        for (std::uint64_t epochs = random.below(3); epochs > 0; --epochs)
          watch.wait("state.safetensors", milliseconds(500), program.process);
        std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform(0.0, 0.05)));
      } else if (watch.wait(moments[random.below(moments.size())], milliseconds(100), program.process)) {
        std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform(0.0, 0.002)));
      }
    }
    kill(program.process, SIGKILL);
    const Finished ended = program.wait();
    if (ended.signal != SIGKILL) {
      if (ended.exit_code != 0) return fmt::format("exit code {}: {}", ended.exit_code, ended.errors);
      return "";  // it came to its end before
    }
    const auto half = half_written(folder);
    const bool writing = std::any_of(half.begin(), half.end(), [&](const auto& one) {
      const auto old = half_before.find(one.first);
      return old == half_before.end() || old->second != one.second;
    });
    ++(writing ? kills.writing : reported() == before ? kills.opening : kills.training);
    if (told) told(kills);
  }
}

}  // namespace kill_chain
