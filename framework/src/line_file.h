#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace twinflow {

/// A file that grows by whole lines, whatever the disk does: what cannot be written is kept, and tried again
/// with the next line. On the disk no line is there by half, unless power fails.
class LineFile {
 public:
  /// Opens the file or makes it; half a line at its end, as a kill may leave it, is cut off. `most`: how many
  /// bytes are kept. Throws Error naming the file when it cannot.
  explicit LineFile(std::filesystem::path file, std::size_t most = 16 << 20);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// Throws Error when more would have to be kept than may be; then the line is not.
  void add(const std::string& line);
  /// Tries to write what is kept.
  void write();
  /// Why lines are kept, with the file's name; empty: none is.
  const std::string& trouble() const { return trouble_; }
  /// What was added is on the disk when it returns. Throws Error when it is not.
  void sync();
  const std::filesystem::path& path() const { return file_; }
  /// In bytes, of what is written.
  std::uint64_t size() const { return size_; }

 private:
  const std::filesystem::path file_;
  const std::size_t most_;
  int descriptor_;
  std::uint64_t size_ = 0;
  std::string kept_, trouble_;
};

}  // namespace twinflow
