#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "plan.h"

namespace twinflow {

/// What a run tells people and leaves behind: the terminal, and a run directory with
///   graph.toml     the graph that ran, with everything overridden
///   metrics.jsonl  one object a line: time (s since the start), epoch, step, node, metrics; whole after a
///   kill log.txt        what was said, and at the end where the time went result.json    status, reason,
///   epochs, steps, seconds, last metrics, time per node
/// Safe from any thread. Nothing is written before create().
class Record {
 public:
  explicit Record(const Plan& plan);

  /// Makes the run directory: `output`, or runs/<graph>/<date-time>. Throws Error when it holds a run already
  /// or cannot be written.
  void create(const std::filesystem::path& output);
  const std::filesystem::path& directory() const { return directory_; }

  void say(const std::string& line);
  void report(std::string_view node, const Item& item, const Numbers& values);
  void epoch_done(std::uint64_t epoch, std::uint64_t step);
  struct NodeTime {
    std::string name, type;
    std::uint64_t items;
    double body_seconds, wait_seconds, idle_seconds, finish_seconds;
  };
  void finish(const std::string& status, const std::string& reason, std::uint64_t epochs, std::uint64_t steps,
              const std::vector<NodeTime>& times, std::uint64_t most_in_flight);
  double seconds() const;

 private:
  void print(const std::string& line);
  void show_progress(const Item& item);
  std::string headline(bool whole_epoch) const;

  const Plan& plan_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::filesystem::path directory_;

  std::mutex mutex_;
  std::ofstream metrics_, log_;
  std::vector<std::string> said_early_;  // before there was a log
  std::map<std::string, Numbers> last_;
  struct Mean {
    double sum = 0;
    std::uint64_t count = 0;
  };
  std::map<std::string, Mean> headlines_;  // of this epoch, by node: its first declared metric
  bool progress_shown_ = false;
  std::chrono::steady_clock::time_point progress_at_;
};

}  // namespace twinflow
