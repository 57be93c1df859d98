#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "twinflow/folder.h"

namespace twinflow {

/// A file that grows by whole lines, whatever the disk does: what cannot be written is kept, and tried again
/// with the next line. On the disk no line is there by half, unless power fails.
class LineFile {
 public:
  /// Half a line at the file's end, as a kill may leave it, is cut off. `most`: how many bytes are kept.
  /// Throws Error naming the file when it cannot.
  explicit LineFile(FolderFile file, std::size_t most = 16 << 20);

  /// Throws Error when more would have to be kept than may be; then the line is not.
  void add(const std::string& line);
  /// Tries to write what is kept.
  void write();
  /// Why lines are kept, with the file's name; empty: none is.
  const std::string& trouble() const { return trouble_; }
  /// What was added is on the disk when it returns. Throws Error when it is not.
  void sync();
  /// Makes good what others have done to the file: one that was removed or replaced is written again, one
  /// that was cut goes on at its end. Gives out what was found, for people; empty: it is as it was left.
  /// Throws Error when it cannot be written.
  std::string repair();
  std::filesystem::path path() const { return file_.path(); }
  /// In bytes, of what is written.
  std::uint64_t size() const { return size_; }

 private:
  FolderFile file_;
  const std::size_t most_;
  std::uint64_t size_ = 0;
  std::string kept_, trouble_;
};

}  // namespace twinflow
