#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "run_settings.h"

namespace twinflow {

/// When the stream pauses within an epoch: because a budget of [run] is spent, or to save the state. Belongs
/// to the main thread, while no item is under way, unless said otherwise.
class Timetable {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Timetable(const RunSettings& run) : run_(run) {}

  /// The stream begins, in a run that has lasted so many seconds, those before it was resumed included.
  void start(double seconds, Clock::time_point now);

  /// Where the stream goes on from `step`: the step before which it pauses, if it does not do so by time.
  std::uint64_t next_pause(std::uint64_t step, std::uint64_t epoch_end) const;
  /// Whether it is time to pause. From any thread.
  bool time_to_pause(Clock::time_point now) const { return now >= pause_at_; }

  /// [run] max_time.
  bool time_over(Clock::time_point now) const { return now >= end_; }
  /// The budget that is spent once `step` items are done, in words. Once one is spent, it stays.
  const std::optional<std::string>& spent(std::uint64_t step, bool time_over);
  bool save_due(std::uint64_t step, Clock::time_point now) const;
  /// The state was saved, or could not be: the next time is counted from here.
  void saved(Clock::time_point now);

 private:
  static constexpr Clock::time_point never = Clock::time_point::max();

  const RunSettings& run_;
  Clock::time_point end_ = never, save_at_ = never, pause_at_ = never;
  std::optional<std::string> spent_;
};

}  // namespace twinflow
