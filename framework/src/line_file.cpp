#include "line_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "twinflow/error.h"

namespace twinflow {

namespace {

/// Where the last whole line ends.
std::uint64_t end_of_lines(int descriptor, std::uint64_t size) {
  char block[4096];
  while (size > 0) {
    const auto length = std::min<std::uint64_t>(size, sizeof block);
    const ssize_t got = ::pread(descriptor, block, length, static_cast<off_t>(size - length));
    if (got != static_cast<ssize_t>(length)) return size;  // unreadable: left as it is
    for (std::uint64_t i = length; i > 0; --i)
      if (block[i - 1] == '\n') return size - length + i;
    size -= length;
  }
  return 0;
}

}  // namespace

LineFile::LineFile(std::filesystem::path file, std::size_t most)
    : file_(std::move(file)),
      most_(most),
      descriptor_(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  struct stat found;
  if (descriptor_ < 0 || ::fstat(descriptor_, &found) != 0)
    throw Error(fmt::format("cannot write '{}': {}", file_.string(), std::strerror(errno)));
  const auto length = static_cast<std::uint64_t>(found.st_size);
  size_ = S_ISREG(found.st_mode) ? end_of_lines(descriptor_, length) : 0;
  if (size_ != length && ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0)
    throw Error(fmt::format("cannot write '{}': {}", file_.string(), std::strerror(errno)));
}

LineFile::~LineFile() { ::close(descriptor_); }

void LineFile::add(const std::string& line) {
  if (kept_.size() + line.size() + 1 > most_)
    throw Error(fmt::format("{}; {} bytes wait to be written there, and no more are kept",
                            trouble_.empty() ? "'" + file_.string() + "'" : trouble_, kept_.size()));
  kept_ += line;
  kept_ += '\n';
  write();
}

void LineFile::write() {
  // Always at the end of the lines that are whole: what a write has left behind there is written over.
  std::size_t written = 0;
  int failed = 0;
  while (written < kept_.size() && !failed) {
    const ssize_t some = ::pwrite(descriptor_, kept_.data() + written, kept_.size() - written,
                                  static_cast<off_t>(size_ + written));
    if (some >= 0)
      written += static_cast<std::size_t>(some);
    else if (errno != EINTR)
      failed = errno;
  }
  trouble_ = failed ? fmt::format("cannot write '{}': {}", file_.string(), std::strerror(failed)) : "";
  if (failed) {
    const std::size_t half = written;
    const auto line_end = written == 0 ? kept_.npos : kept_.rfind('\n', written - 1);
    written = line_end == kept_.npos ? 0 : line_end + 1;
    if (written < half && ::ftruncate(descriptor_, static_cast<off_t>(size_ + written)) != 0)
      trouble_ += ", nor cut it back to its last whole line";
  }
  size_ += written;
  kept_.erase(0, written);
}

void LineFile::sync() {
  write();
  if (!trouble_.empty()) throw Error(trouble_);
  if (::fsync(descriptor_) != 0)
    throw Error(fmt::format("cannot write '{}': {}", file_.string(), std::strerror(errno)));
}

}  // namespace twinflow
