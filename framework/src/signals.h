#pragma once

#include <signal.h>

namespace twinflow {

/// While it lives, SIGINT, SIGTERM, SIGUSR1, SIGHUP and SIGPIPE are noted, and SIGXFSZ is ignored: a file
/// that may not grow further makes the write fail. A second SIGINT has its default
/// effect, which is to end the process; the others may come again, as batch systems send them. One at a time,
/// on the main thread.
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
};

}  // namespace twinflow
