#pragma once

#include <filesystem>

#include "twinflow/files.h"

namespace twinflow {

/// While it lives, no other process can lock the folder. Throws Error naming it when another one has.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace twinflow
