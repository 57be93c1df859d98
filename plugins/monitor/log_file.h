#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "twinflow/folder.h"
#include "twinflow/node.h"

namespace twinflow::monitor {

/// A log that grows while the run goes on. What is added is appended by the run's writing thread, so that
/// nobody waits for the disk, and a disk that fails ends nothing: what could not be written is tried again
/// with what comes next, as far as there is room for it. A write that failed halfway is cut off again, so
/// that only whole pieces stay; a kill may leave the last one cut. Safe from any thread.
class LogFile : public std::enable_shared_from_this<LogFile> {
 public:
  struct Place {
    Folder folder;
    std::string name;
  };
  struct Setup {
    std::string pieces;  // what is added, for people: "rows of table.csv"
    std::string head;    // what the file begins with
    /// Where it is: asked for on the writing thread until it does not throw, and again where its folder was
    /// removed.
    std::function<Place()> place;
    std::size_t room = 1 << 20;  // bytes that may wait for the disk
    bool lines = false;  // each piece is one line: a file that was cut continues after its last whole one
  };
  /// How far it was written, what waits (in bytes, and as so many pieces), and how much had no room.
  struct Mark {
    std::uint64_t length = 0, count = 0, dropped = 0;
    std::string waiting;
  };

  explicit LogFile(Setup setup) : setup_(std::move(setup)) {}
  /// Goes on from there: what the file holds beyond is cut off.
  LogFile(Setup setup, Mark mark) : setup_(std::move(setup)), mark_(std::move(mark)), cut_(true) {}

  void add(std::string_view piece);
  /// Has what was added written. `sync`: onto the disk, because a state that counts on it is about to be
  /// saved.
  void write(Run& run, bool sync = false);
  /// Whether it is a while since write() was called.
  bool due() const;
  /// Waits until it is written, and says what could not be.
  void close(Run& run);
  Mark mark() const;

 private:
  void append(Run& run, bool sync);  // on the writing thread
  std::uint64_t start(FolderFile& file, Run& run) const;
  static std::uint64_t now();

  const Setup setup_;
  mutable std::mutex mutex_;  // guards mark_
  Mark mark_;
  std::atomic<bool> queued_{false};
  std::atomic<std::uint64_t> asked_{now()};  // when, in ms

  // Of the writing thread.
  std::optional<Place> place_;
  bool cut_ = false;   // even if there is nothing to write
  bool told_ = false;  // that it failed
};

}  // namespace twinflow::monitor
