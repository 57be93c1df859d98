#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "twinflow/folder.h"

namespace twinflow::twin {

/// A file in the run directory that is written piece by piece over a run, under its name with ".part" behind
/// it, and has its name when it is whole. Calls throw Error naming the file.
class GrowingFile {
 public:
  /// A new one. What a run that was killed has left under that name is removed.
  void begin(const Folder& folder, const std::string& name);
  /// Goes on with one of which `size` bytes are good: what was written behind them is cut off. It may have
  /// got its name since. False, and nothing has happened, where so many are not there any more.
  bool resume(const Folder& folder, const std::string& name, std::uint64_t size);
  bool open() const { return file_.has_value(); }
  std::uint64_t size() const { return size_; }

  void append(std::string_view bytes);
  /// Over what is at the file's head.
  void overwrite_head(std::string_view bytes) { file_->write(0, bytes); }
  void save() { file_->sync(); }   // what was appended is on the disk
  void finish();                   // and has its name
  void close() { file_.reset(); }  // as it is, to be resumed or overwritten

 private:
  std::optional<FolderFile> file_;
  std::string name_;
  std::uint64_t size_ = 0;
};

}  // namespace twinflow::twin
