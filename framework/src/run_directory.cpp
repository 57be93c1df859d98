#include "run_directory.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "saved_run.h"

namespace twinflow {

namespace fs = std::filesystem;

namespace {

fs::path runs_of(const std::string& graph) { return fs::path("runs") / graph; }

[[noreturn]] void cannot_make(const fs::path& directory, const std::string& why) {
  throw Error(fmt::format("cannot make the run directory '{}': {}", directory.string(), why));
}

/// Who holds a lock, for whoever meets it.
std::string this_process() {
  char host[256] = "unknown";
  gethostname(host, sizeof host - 1);
  return fmt::format("process {} on {}", getpid(), host);
}

}  // namespace

RunFolders::RunFolders() {
  std::error_code unknown;
  start_ = fs::current_path(unknown);  // where it is removed, whole paths still work
}

Folder RunFolders::open(const fs::path& directory) const { return Folder(whole(directory), directory); }

void RunFolders::check(const fs::path& output, const std::string& graph) const {
  const fs::path directory = output.empty() ? runs_of(graph) : output;
  std::error_code unknown;
  fs::path above = whole(directory);
  if (!output.empty() && fs::is_directory(above, unknown)) refuse_run(open(directory));
  while (!fs::exists(above, unknown) && above != above.parent_path()) above = above.parent_path();
  if (!fs::is_directory(above, unknown))
    cannot_make(directory, fmt::format("'{}' is not a folder", above.string()));
  if (access(above.c_str(), W_OK | X_OK) != 0)
    cannot_make(directory, fmt::format("'{}': {}", above.string(), std::strerror(errno)));
}

fs::path RunFolders::make_numbered(const std::string& graph) const {
  const std::time_t now = std::time(nullptr);
  const std::string stamp = fmt::format("{:%Y-%m-%d_%H-%M-%S}", fmt::localtime(now));
  const fs::path folder = runs_of(graph);
  fs::create_directories(whole(folder));
  fs::path directory = folder / stamp;
  for (int again = 2; !fs::create_directory(whole(directory)); ++again)  // several runs began in one second
    directory = folder / fmt::format("{}_{}", stamp, again);
  return directory;
}

Folder RunFolders::make(const fs::path& output, const std::string& graph) const {
  if (output.empty()) return open(make_numbered(graph));
  std::error_code failed;
  fs::create_directories(whole(output), failed);
  if (failed) cannot_make(output, failed.message());
  return open(output);
}

void refuse_run(const Folder& directory) {
  const bool foreign = directory.exists("metrics.jsonl") && !directory.exists("graph.toml");
  if (directory.exists(state_name) || directory.exists(previous_state_name) || foreign)
    throw Error(
        fmt::format("'{}' already holds a run: name another folder with --output, or go on with --resume",
                    directory.path().string()));
}

RunLock::RunLock(const Folder& directory, const std::function<void(const std::string&)>& print) {
  const auto unlocked = [&](const std::string& why) {
    print(
        fmt::format("the run directory '{}' cannot be locked ({}): make sure that no other run writes there",
                    directory.path().string(), why));
  };
  try {
    lock_.emplace(directory, file_name);
  } catch (const Error& error) {  // a folder that may only be read: nobody writes there
    unlocked(error.what());
    return;
  }
  if (lock_->state() == FileLock::State::unavailable) unlocked(lock_->reason());
  if (lock_->state() == FileLock::State::taken) {
    const std::string holder = lock_->file().read(0, 512);
    throw Error(fmt::format("'{}' is in use: another run is writing there{}{}", directory.path().string(),
                            holder.empty() ? "" : ": ", holder));
  }
  try {
    lock_->file().resize(0);
    lock_->file().write(0, this_process());
  } catch (const Error&) {  // a disk that is full: the lock holds without it
  }
}

/// The file is left empty, as it was found: a run that is only looked at stays as it is.
RunLock::~RunLock() {
  // Also where the folder takes no more writes.
  if (lock_ && ::ftruncate(lock_->file().descriptor(), 0) != 0) return;
}

}  // namespace twinflow
