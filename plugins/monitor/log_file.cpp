#include "log_file.h"

#include <fmt/format.h>

#include <utility>

#include "twinflow/error.h"

namespace twinflow::monitor {

std::uint64_t LogFile::now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

void LogFile::add(std::string_view piece) {
  const std::lock_guard lock(mutex_);
  if (mark_.waiting.size() + piece.size() > setup_.room) return void(++mark_.dropped);
  mark_.waiting += piece;
  ++mark_.count;
}

void LogFile::write(Run& run, bool sync) {
  asked_ = now();
  if (queued_.exchange(true) && !sync) return;  // what waits for its turn takes this along
  run.later(
      setup_.pieces,
      [log = shared_from_this(), &run, sync] {
        log->queued_ = false;
        log->append(run, sync);
      },
      Run::Retry::no);
}

bool LogFile::due() const { return now() - asked_ > 2000; }

LogFile::Mark LogFile::mark() const {
  const std::lock_guard lock(mutex_);
  return mark_;
}

/// Readies the file; gives out where to write.
std::uint64_t LogFile::start(FolderFile& file, Run& run) const {
  const std::uint64_t found = file.size(), length = mark_.length;  // nobody else changes it
  if (found > length) file.resize(length);
  if (found >= length) return length;
  // Half a piece must not become the beginning of the next one. Where pieces are no lines, nobody can tell
  // where the last whole one ends: the file is started anew.
  const std::uint64_t whole = setup_.lines ? file.end_of_lines() : 0;
  file.resize(whole);
  run.say(fmt::format("'{}': {} bytes that were written are not there any more; it {}", file.path().string(),
                      length - found, whole > 0 ? "continues after its last whole line" : "is started anew"));
  return whole;
}

void LogFile::append(Run& run, bool sync) {
  const Mark before = mark();
  if (before.count == 0 && !cut_ && (!sync || !place_)) return;
  try {
    if (!place_) place_ = setup_.place();
    FolderFile file = place_->folder.open(place_->name);
    const std::uint64_t length = start(file, run);
    const std::string text = (length == 0 ? setup_.head : "") + before.waiting;
    file.write(length, text);
    if (sync) file.sync();
    cut_ = false;
    const std::lock_guard lock(mutex_);
    mark_.length = length + text.size();
    mark_.waiting.erase(0, before.waiting.size());
    mark_.count -= before.count;
  } catch (const std::exception& error) {
    if (run.folder().closed()) return;  // the run ends for that, and says so
    if (place_ && place_->folder.closed())
      place_.reset();  // only its own folder was removed: it is made anew
    if (!std::exchange(told_, true))
      run.say(fmt::format("{}; {} are kept and tried again later", error.what(), setup_.pieces));
  }
}

void LogFile::close(Run& run) {
  run.later(
         setup_.pieces, [log = shared_from_this(), &run] { log->append(run, false); }, Run::Retry::no)
      .wait();
  const Mark left = mark();
  if (left.count + left.dropped > 0)
    run.say(fmt::format("{} {} could not be written", left.count + left.dropped, setup_.pieces));
}

}  // namespace twinflow::monitor
