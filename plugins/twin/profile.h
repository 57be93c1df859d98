#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace twinflow::twin {

/// A piece of work of one thread, for whoever asks where the time goes.
struct Ran {
  using Clock = std::chrono::steady_clock;
  std::string_view layer;  // "4.residual.0.conv"; of a parameter: its name. Valid during the call only
  std::string_view part;   // "forward", "backward data", "backward weights", "backward", "update", ...
  Clock::time_point begin, end;
};

/// Is told of each piece by the thread that did it, as soon as it is done. Empty: nobody asks, and it costs
/// nothing.
using Profile = std::function<void(const Ran&)>;

/// Cuts what a thread does for one layer into pieces.
class Stopwatch {
 public:
  void start(const Profile& profile, std::string_view layer) {
    profile_ = profile ? &profile : nullptr;
    if (!profile_) return;
    layer_ = layer;
    begin_ = Ran::Clock::now();
  }
  /// What was done since start() or the last lap was that part of the work.
  void lap(std::string_view part) {
    if (!profile_) return;
    const auto now = Ran::Clock::now();
    (*profile_)({layer_, part, begin_, now});
    begin_ = now;
  }

 private:
  const Profile* profile_ = nullptr;
  std::string_view layer_;
  Ran::Clock::time_point begin_;
};

}  // namespace twinflow::twin
