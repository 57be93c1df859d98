#include "console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

#include "twinflow/error.h"
#include "twinflow/text.h"
#include "worker_thread.h"

namespace twinflow {

namespace {

constexpr std::string_view take_back = "\r\033[K";

bool one_file(int one, int other) {
  struct stat first {
  }, second{};
  return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool understands_escapes(int descriptor) {
  const char* const term = std::getenv("TERM");
  const char* const no_color = std::getenv("NO_COLOR");  // https://no-color.org
  return isatty(descriptor) == 1 && term && *term != '\0' && std::string_view(term) != "dumb" &&
         !(no_color && *no_color != '\0');
}

}  // namespace

/// What leads to one file, with the thread that writes it. The thread owns it as well: while a write hangs,
/// it cannot be joined.
class Console::Channel : public std::enable_shared_from_this<Console::Channel> {
 public:
  explicit Channel(std::size_t most) : most_(most) {}

  void print(int descriptor, std::string text, bool important) {
    std::unique_lock lock(mutex_);
    // Once a line is dropped, the following ones are as well, until all before them are written and their
    // number is printed. Errors still have room.
    const bool room =
        important ? bytes_ + text.size() <= 2 * most_ : dropped_ == 0 && bytes_ + text.size() <= most_;
    if (!room) {
      dropped_ += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
      return;
    }
    progress_.text.clear();  // it is older
    bytes_ += text.size();
    lines_.push_back({descriptor, std::move(text)});
    wake(lock);
  }

  void progress(int descriptor, std::string line) {
    std::unique_lock lock(mutex_);
    progress_ = {descriptor, std::move(line)};
    wake(lock);
  }

  bool flush(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    const auto end = std::chrono::steady_clock::now() + 10 * patience;
    while (!idle()) {
      const std::size_t before = written_;
      const auto moved = [&] { return idle() || written_ != before; };
      if (before == given_up_at_) return false;  // it has not read since
      if (!changed_.wait_for(lock, patience, moved)) given_up_at_ = before;
      if (std::chrono::steady_clock::now() > end) return idle();
    }
    return true;
  }

  void end() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    lines_.clear();
    progress_.text.clear();
    dropped_ = 0;
    changed_.notify_all();
  }

 private:
  struct Line {
    int descriptor = -1;
    std::string text;
  };

  bool idle() const { return !writing_ && lines_.empty() && progress_.text.empty() && dropped_ == 0; }

  void wake(std::unique_lock<std::mutex>& lock) {
    if (!started_) {
      started_ = true;
      try {
        worker_thread([self = shared_from_this()] { self->work(); }).detach();
      } catch (const Error&) {  // what has to be printed most likely says so
        threadless_ = true;
      }
    }
    if (threadless_)
      while (write_next(lock)) {
      }
    else
      changed_.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return ending_ || !idle(); });
      if (!write_next(lock)) return;
    }
  }

  /// Writes one line, or else what is left to be shown. Needs no memory. False: there is nothing.
  bool write_next(std::unique_lock<std::mutex>& lock) {
    if (idle() || writing_) return false;
    Line next;
    std::array<char, 80> note;
    std::string_view text;
    bool taking_back = std::exchange(progress_shown_, false);
    if (!lines_.empty()) {
      next = std::move(lines_.front());
      lines_.pop_front();
      bytes_ -= next.text.size();
      last_ = next.descriptor;
      text = next.text;
    } else if (dropped_ > 0) {
      next.descriptor = last_;
      const auto end = fmt::format_to_n(note.data(), note.size(),
                                        "{} line{} not printed: the terminal did not read them\n", dropped_,
                                        dropped_ == 1 ? " was" : "s were");
      text = {note.data(), end.size};
      dropped_ = 0;
    } else {
      next = std::exchange(progress_, {});
      text = next.text;
      progress_shown_ = taking_back = true;
    }
    writing_ = true;
    lock.unlock();
    if (taking_back) write_all(next.descriptor, take_back);
    write_all(next.descriptor, text);
    lock.lock();
    writing_ = false;
    changed_.notify_all();
    return true;
  }

  void write_all(int descriptor, std::string_view rest) {
    constexpr std::size_t most_at_once = 4096;  // so that a slow reader is seen to read
    while (!rest.empty()) {
      const ssize_t count = ::write(descriptor, rest.data(), std::min(rest.size(), most_at_once));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) {  // another program has made the terminal non-blocking
        pollfd ready{descriptor, POLLOUT, 0};
        poll(&ready, 1, -1);
        continue;
      }
      if (count <= 0) return;  // nobody reads it any more, or the disk is full
      rest.remove_prefix(static_cast<std::size_t>(count));
      const std::lock_guard counting(mutex_);
      written_ += static_cast<std::size_t>(count);
      changed_.notify_all();
    }
  }

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Line> lines_;
  Line progress_;                        // to be shown; no text: nothing is
  std::size_t bytes_ = 0, dropped_ = 0;  // of lines_; how many were not queued
  std::size_t written_ = 0;              // bytes
  std::size_t given_up_at_ = SIZE_MAX;   // written_, when flush() last waited in vain
  int last_ = STDOUT_FILENO;             // descriptor of the last line
  bool progress_shown_ = false;
  bool started_ = false, threadless_ = false, writing_ = false, ending_ = false;
};

Console::Console(int out, int err, std::size_t most)
    : fd_out_(out),
      fd_err_(err),
      shows_progress_(understands_escapes(out)),
      out_(std::make_shared<Channel>(most)),
      err_(one_file(out, err) ? out_ : std::make_shared<Channel>(most)) {}

Console::~Console() {
  out_->end();
  err_->end();
}

Console& Console::instance() {
  static Console& console = *new Console(STDOUT_FILENO, STDERR_FILENO);  // its threads are never joined
  return console;
}

void Console::print(Stream stream, const std::string& text) {
  if (text.empty()) return;
  const bool error = stream == Stream::err;
  channel(stream).print(error ? fd_err_ : fd_out_, shown_lines(text), error);
}

void Console::progress(const std::string& line) {
  // Not wrapped: what does not fit on the line is cut, or else the line could not be taken back.
  out_->progress(fd_out_, fmt::format("\033[?7l{}\033[?7h", shown(line)));
}

bool Console::flush(std::chrono::milliseconds patience) {
  const bool out = out_->flush(patience);
  return (out_ == err_ || err_->flush(patience)) && out;
}

void print_error(const std::string& text) { Console::instance().print(Console::Stream::err, text); }
void print_line(const std::string& text) { Console::instance().print(Console::Stream::out, text); }

void open_standard_descriptors() {
  // open() takes the lowest number that is free.
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor)
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0) return;
}

}  // namespace twinflow
