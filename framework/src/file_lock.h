#pragma once

#include <string>

#include "twinflow/folder.h"

namespace twinflow {

/// A lock of a file, against every other lock of it: of this process, of another one, or of another machine
/// where the file system is shared. By fcntl's open file description locks, which NFS has, too. It ends with
/// this object, or with the process.
class FileLock {
 public:
  /// Makes the file where there is none. Throws Error when it can be neither made nor opened.
  FileLock(const Folder& folder, const std::string& name);

  enum class State { held, taken, unavailable };
  /// Unavailable: the file system has no locks.
  State state() const { return state_; }
  /// Why there are none, in the system's words.
  std::string reason() const;

  FolderFile& file() { return file_; }

 private:
  int try_to_lock();

  FolderFile file_;
  State state_ = State::held;
  int reason_ = 0;
};

}  // namespace twinflow
