#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "file_lock.h"
#include "twinflow/folder.h"

namespace twinflow {

/// Where runs are made: a run directory's path may be relative, and plugins may change the working directory.
class RunFolders {
 public:
  RunFolders();

  /// Throws Error when make() could not: before anything is opened, and without making anything. An empty
  /// `output` stands for a new folder in runs/<graph>.
  void check(const std::filesystem::path& output, const std::string& graph) const;
  /// Makes the run directory where it does not exist: `output`, or runs/<graph>/<date-time>.
  Folder make(const std::filesystem::path& output, const std::string& graph) const;
  Folder open(const std::filesystem::path& directory) const;

 private:
  std::filesystem::path whole(const std::filesystem::path& path) const { return start_ / path; }
  std::filesystem::path make_numbered(const std::string& graph) const;

  std::filesystem::path start_;  // the working directory
};

/// Throws Error when a run is there that could be resumed, or what is no run at all. (Without a state a
/// folder may be used again.)
void refuse_run(const Folder& directory);

/// Keeps other runs from writing into a run directory, by a lock of the file .lock in it.
class RunLock {
 public:
  static constexpr const char* file_name = ".lock";

  /// Throws Error when another run is writing there; where folders cannot be locked, that is printed.
  RunLock(const Folder& directory, const std::function<void(const std::string&)>& print);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  std::optional<FileLock> lock_;
};

}  // namespace twinflow
