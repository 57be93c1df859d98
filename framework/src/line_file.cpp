#include "line_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "twinflow/error.h"

namespace twinflow {

LineFile::LineFile(FolderFile file, std::size_t most) : file_(std::move(file)), most_(most) {
  size_ = file_.end_of_lines();
  if (size_ != file_.size()) file_.resize(size_);
}

std::string LineFile::repair() {
  if (const std::uint64_t found = file_.size(); found < size_) {
    const std::uint64_t lost = size_ - found;
    size_ = file_.end_of_lines();
    return fmt::format(
        "'{}' was cut while the run was writing there, {} bytes are lost: it goes on at its end",
        path().string(), lost);
  }
  if (file_.in_place()) return "";
  const Folder folder = file_.folder();
  const std::string name = file_.name(), temporary = name + ".tmp";
  FolderFile fresh = folder.begin(temporary);
  fresh.copy(file_, size_);
  fresh.sync();
  folder.rename(temporary, name);
  file_ = folder.open(name);
  return fmt::format("'{}' was removed or replaced while the run was writing there: it is written again",
                     path().string());
}

void LineFile::add(const std::string& line) {
  if (kept_.size() + line.size() + 1 > most_)
    throw Error(fmt::format("{}; {} bytes wait to be written there, and no more are kept",
                            trouble_.empty() ? "'" + path().string() + "'" : trouble_, kept_.size()));
  kept_ += line;
  kept_ += '\n';
  write();
}

void LineFile::write() {
  if (kept_.empty()) return;
  file_.folder().require_open();
  // Always at the end of the lines that are whole: what a write has left behind there is written over.
  std::size_t written = 0;
  int failed = 0;
  while (written < kept_.size() && !failed) {
    const ssize_t some = ::pwrite(file_.descriptor(), kept_.data() + written, kept_.size() - written,
                                  static_cast<off_t>(size_ + written));
    if (some >= 0)
      written += static_cast<std::size_t>(some);
    else if (errno != EINTR)
      failed = errno;
  }
  trouble_ = failed ? fmt::format("cannot write '{}': {}", path().string(), std::strerror(failed)) : "";
  if (failed) {
    const std::size_t half = written;
    const auto line_end = written == 0 ? kept_.npos : kept_.rfind('\n', written - 1);
    written = line_end == kept_.npos ? 0 : line_end + 1;
    if (written < half && ::ftruncate(file_.descriptor(), static_cast<off_t>(size_ + written)) != 0)
      trouble_ += ", nor cut it back to its last whole line";
  }
  size_ += written;
  kept_.erase(0, written);
}

void LineFile::sync() {
  write();
  if (!trouble_.empty()) throw Error(trouble_);
  file_.sync();
}

}  // namespace twinflow
