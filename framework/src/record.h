#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "line_file.h"
#include "plan.h"
#include "run_directory.h"
#include "running_clock.h"

namespace twinflow {

/// What a run tells people and leaves behind: the terminal, and a run directory with
///
/// - graph.toml: the graph that ran, with everything overridden and every default
/// - metrics.jsonl: one object a line: time (s since the start), epoch, step, node, metrics; whole after a
///   kill
/// - log.txt: what was said, and at the end where the time went
/// - result.json: status, reason, epochs, steps, seconds, last and best metrics, time per node, and the
///   longest time that saving the state took
///
/// A disk that is full ends no run: lines of metrics.jsonl and log.txt are kept until they can be written.
/// Safe from any thread. Nothing is written before create() or resume().
class Record {
 public:
  /// `quiet`: nothing on the terminal.
  Record(const Plan& plan, bool quiet);

  /// Throws Error when create() could not: before anything is opened, and without making anything.
  void check_output(const std::filesystem::path& output) const;
  /// Makes the run directory: `output`, or runs/<graph>/<date-time>. Throws Error when it holds a run already
  /// or cannot be written.
  void create(const std::filesystem::path& output);
  /// Holds a run directory open and keeps other runs from writing there, before anything of it is read.
  /// Throws Error when another one is. create() does so by itself.
  void hold(const std::filesystem::path& directory);
  /// Takes what save() gave; the run directory, which is held, stays as it is.
  void restore(const State& state);
  /// After restore(): goes on in the run directory, where lines that were written after save() are cut off.
  /// Lines that are not there any more are reported, and no reason to stop. Throws Error when it cannot be
  /// written.
  void resume();
  /// Instead of create() or resume() on a rank that leaves all writing to the first one.
  void follow(const std::filesystem::path& directory);
  /// Absolute; empty before create(), restore() or follow().
  const std::filesystem::path& directory() const { return directory_; }
  /// Throws Error where directory() is empty, and after follow().
  const Folder& folder() const;
  /// Throws FolderClosed where the run directory was moved, removed or replaced: then nothing is written any
  /// more. Any thread.
  void require_folder() const {
    if (folder_) folder_->require_open();
  }
  bool lost() const { return folder_ && folder_->closed(); }
  /// A run that cannot be resumed leaves the directory as it is: from here on nothing can be written there.
  void give_up() {
    if (folder_) folder_->close("the run was not resumed");
  }
  /// What resume() needs. What was reported until now is on the disk when it returns, and graph.toml is this
  /// run's: a run that could not be gone on with leaves the one that was there. Throws Error when something
  /// that was reported cannot be written: no state may refer to it.
  State save();
  /// Why save() would throw; empty: it would not.
  std::string trouble();
  /// Tries to write what is still kept. Throws Error when it cannot, or could not keep all.
  void write_all();

  /// How long the run has lasted, with those that it resumes. Any thread, once it is resumed.
  double seconds() const;

  /// The length of an epoch, for the progress; before the first report.
  void set_steps_per_epoch(std::uint64_t steps) { steps_per_epoch_ = steps; }
  void say(const std::string& line);
  /// Only in log.txt.
  void log_only(const std::string& line);
  void report(std::string_view node, const Item& item, const Numbers& values);
  void epoch_done(std::uint64_t epoch, std::uint64_t step);
  struct NodeTime {
    std::string name, type;
    std::uint64_t items;
    double body_seconds, wait_seconds, idle_seconds, finish_seconds;
    double seconds() const { return body_seconds + finish_seconds; }
    double share(double of_all) const { return of_all > 0 ? seconds() / of_all : 0; }
  };
  /// To be told before nodes close, so that what they say last, where the best model is, stands at the end.
  void tell_times(const std::vector<NodeTime>& times, std::uint64_t most_in_flight);
  void finish(const std::string& status, const std::string& reason, std::uint64_t epochs, std::uint64_t steps,
              const std::vector<NodeTime>& times, std::uint64_t most_in_flight,
              std::optional<double> save_seconds);

 private:
  using Metric = std::pair<std::string, std::string>;  // node, name
  struct Best {
    double value = 0;
    std::int64_t epoch = 0, step = 0;
  };
  struct Mean {
    double sum = 0;
    std::int64_t count = 0;
  };

  void write_into();
  std::string repair();
  void write(std::optional<LineFile>& file, const std::string* line = nullptr);
  void print(const std::string& line);
  void log(const std::string& line);
  void show_progress(const Item& item);
  std::string headline(bool whole_epoch) const;
  std::string epoch_text(std::uint64_t epoch) const;
  std::string left_text(std::uint64_t step, double rate) const;
  const MetricInfo* declared(const std::string& node, const std::string& metric) const;

  const Plan& plan_;
  const bool quiet_, terminal_;
  const std::chrono::steady_clock::time_point start_ = RunningClock::now();
  double seconds_before_ = 0;  // of the runs that this one resumes
  std::uint64_t steps_per_epoch_ = 1;
  const RunFolders folders_;
  std::filesystem::path directory_;
  std::vector<Metric> shown_;  // what the progress shows

  std::mutex mutex_;
  std::optional<Folder> folder_;
  std::optional<RunLock> lock_;
  std::optional<LineFile> metrics_, log_;
  std::string lost_;  // why lines of the log are
  bool graph_written_ = false, following_ = false;
  std::uint64_t metrics_bytes_ = 0;                       // that the resumed state knows
  std::vector<std::string> said_early_, reported_early_;  // before there was a run directory
  std::map<std::string, Numbers> last_;
  std::map<std::string, std::map<std::string, Best>> best_;
  std::map<Metric, Mean> means_;  // of this epoch, of what is shown
  bool progress_shown_ = false;
  std::chrono::steady_clock::time_point progress_at_;
  /// The first step that this process reported, and when: for the pace.
  std::optional<std::pair<std::uint64_t, std::chrono::steady_clock::time_point>> first_;
};

}  // namespace twinflow
