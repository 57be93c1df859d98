#pragma once

#include <signal.h>

#include <array>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace twinflow {

/// While it lives, the signals that end a run (SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU) are taken
/// by a thread of its own. SIGPIPE and SIGXFSZ are ignored: the write fails instead. Made first in main(),
/// on the main thread, before other threads are started; a guard that is made while another one lives does
/// nothing. Throws Error when its thread cannot be started.
///
/// The thread that made the guard, and those that this one starts, are left alone. oneDNN's matrix
/// multiplication uses the stack pointer for other things, so that a handler which ran on such a thread would
/// write over memory.
///
/// What a signal does depends on how far the process is:
/// - before begin(), there is nothing to be saved: the process ends at once, with exit code 3;
/// - from begin() to end(), received() tells it, and the run ends by itself. Where it does not in time, the
///   guard ends the process with exit code 3 (see Run::grace and opened());
/// - from end() on, when only the leaving is left (MPI_Finalize, say), the guard ends the process some
///   seconds later, with the run's exit code.
/// A second SIGINT has its default effect at any time: it ends the process.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  /// The signal that came last, or 0. From any thread.
  static int received() noexcept;

  struct Run {
    /// Called once, on the guard's thread, for the first signal. Must not wait for anything: a lock that is
    /// held during a write, say. `opening`: opened() was not called yet.
    std::function<void(int signal, bool opening)> taken;
    /// Seconds from the first SIGTERM, SIGINT or SIGHUP to the end by force; none: a run may take any time.
    /// SIGUSR1, SIGUSR2 and SIGXCPU are warnings: batch systems send them long before.
    std::optional<double> grace;
  };
  /// A run begins, by opening its nodes. When a signal has come since the guard was made, it is taken now.
  static void begin(Run run);
  /// All nodes are open: until here, five seconds are enough to end, whatever the signal.
  static void opened();
  /// What is printed when the guard ends the process: what was saved, and how to resume it.
  static void set_last_words(std::string text);
  /// Run::taken is not called any more.
  static void detach();
  /// The run has come to its end.
  static void end(int exit_code);

 private:
  static constexpr std::array signals = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
  static constexpr std::array ignored = {SIGPIPE, SIGXFSZ};
  using Clock = std::chrono::steady_clock;
  enum class Phase { before, opening, running, over };

  static SignalGuard* living;
  static void handler(int signal);
  void work();
  void take(int signal);
  void end_late(Clock::time_point now);
  template <class Why>
  [[noreturn]] static void end_process(int exit_code, const Why& why);

  bool nested_ = false;
  int pipe_[2] = {-1, -1};  // from the handler to the thread: signal numbers, 0 at the end
  std::array<struct sigaction, signals.size()> old_;
  std::array<struct sigaction, ignored.size()> old_ignored_;
  sigset_t old_mask_, mask_;

  std::mutex mutex_;  // guards what follows; nobody waits for anything else while holding it
  Phase phase_ = Phase::before;
  Run run_;
  int exit_code_ = 3;
  std::string last_words_;
  int signal_ = 0;                               // the first one
  std::optional<Clock::time_point> since_;       // when it came,
  std::optional<Clock::time_point> hard_since_;  // the first one that starts the grace,
  std::optional<Clock::time_point> over_since_;  // and when the run came to its end
  std::thread thread_;
};

/// "SIGTERM"
std::string signal_name(int signal);

}  // namespace twinflow
