#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace twinflow {

/// Prints to standard output and standard error without ever waiting for their readers: lines are queued, and
/// a thread writes them. When a reader does not read (a full pipe, a terminal after Ctrl-S), the queue fills
/// up to a limit, further lines are dropped, and their number is printed once the reader reads again. A
/// reader that has gone, or a full disk, loses the lines and changes nothing else. Lines keep their order,
/// also between the two streams where both lead to one file. Safe from any thread.
class Console {
 public:
  enum class Stream { out, err };

  /// `most`: bytes in the queue of a stream; standard error may use twice as many.
  Console(int out, int err, std::size_t most = std::size_t{1} << 20);
  /// Does not wait: call flush() before.
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// Of this process. Lives until its end.
  static Console& instance();

  /// Whole lines, each with its line feed. Bytes that are no text are escaped.
  void print(Stream stream, const std::string& text);
  /// Shows a line without line feed on standard output, in place of the one shown before. The next print()
  /// takes it back. Of several lines that the reader has not read, the last one is kept. Only where
  /// shows_progress().
  void progress(const std::string& line);
  /// Standard output is a terminal that understands escape sequences, and NO_COLOR is not set.
  bool shows_progress() const { return shows_progress_; }

  /// Waits until all is written. Returns false when a reader has read nothing for `patience`, or after ten
  /// times that.
  bool flush(std::chrono::milliseconds patience = std::chrono::milliseconds(1000));

 private:
  class Channel;
  Channel& channel(Stream stream) { return stream == Stream::err ? *err_ : *out_; }

  const int fd_out_, fd_err_;
  const bool shows_progress_;
  std::shared_ptr<Channel> out_, err_;  // the same one where both streams lead to one file
};

/// Console::instance().print(): an error message or a warning, and everything else.
void print_error(const std::string& text);
void print_line(const std::string& text);

/// Opens each of the descriptors 0, 1 and 2 that is closed on /dev/null: or the next file that the process
/// opens would become its standard output. Call it first in main().
void open_standard_descriptors();

}  // namespace twinflow
