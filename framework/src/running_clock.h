#pragma once

#include <chrono>

namespace twinflow {

/// The steady clock without the time in which this process was stopped (SIGSTOP, Ctrl-Z, a frozen cgroup, a
/// suspended virtual machine). While a SignalGuard lives, its thread calls beat() ten times a second; a
/// longer silence than `longest_beat` is taken for a stop. Where nobody beats it is the steady clock. Safe
/// from any thread.
class RunningClock {
 public:
  using Steady = std::chrono::steady_clock;
  static constexpr Steady::duration longest_beat = std::chrono::seconds(1);

  static Steady::time_point now() { return at(Steady::now()); }
  /// What now() gives at that moment.
  static Steady::time_point at(Steady::time_point moment);

  /// From one thread at a time.
  static void beat(Steady::time_point moment = Steady::now());
  /// Nobody beats any more.
  static void rest();
};

}  // namespace twinflow
