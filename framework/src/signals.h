#pragma once

#include <signal.h>

#include <semaphore>
#include <thread>

namespace twinflow {

/// While it lives, SIGINT, SIGTERM, SIGUSR1, SIGHUP and SIGPIPE are noted, and SIGXFSZ is ignored: a file
/// that may not grow further makes the write fail. A second SIGINT has its default effect, which is to end
/// the process; the others may come again, as batch systems send them. One at a time, on the main thread,
/// before others are started.
///
/// A thread of the guard's takes the signals: the one that made it, and those that this one starts, are left
/// alone. oneDNN's matrix multiplication uses the stack pointer for other things, so that a handler which ran
/// on such a thread would write over memory.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  /// The signal noted, or 0. From any thread.
  static int received();

 private:
  static constexpr int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGPIPE};
  struct sigaction old_[5], old_file_size_;
  sigset_t old_mask_;
  std::binary_semaphore over_{0};
  std::thread receiver_;
};

}  // namespace twinflow
