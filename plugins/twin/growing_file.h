#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace twinflow::twin {

/// A file that is written piece by piece over a run, under its name with ".part" behind it, and has its name
/// when it is whole. Calls throw Error naming the file.
class GrowingFile {
 public:
  /// A new one. What a run that was killed has left under that name is overwritten.
  void begin(const std::filesystem::path& file);
  /// Goes on with one of which `size` bytes are good: what was written behind them is cut off. It may have
  /// got its name since.
  void resume(const std::filesystem::path& file, std::uint64_t size);
  bool open() const { return stream_.is_open(); }
  std::uint64_t size() const { return size_; }

  void append(std::string_view bytes);
  /// Over what stands at the file's head.
  void overwrite_head(std::string_view bytes);
  void save();    // what was appended is on the disk
  void finish();  // and has its name
  void close();   // as it is, to be resumed or overwritten

 private:
  std::filesystem::path part() const { return file_.string() + ".part"; }
  void require(bool good, const char* what) const;

  std::filesystem::path file_;
  std::fstream stream_;
  std::uint64_t size_ = 0;
};

}  // namespace twinflow::twin
