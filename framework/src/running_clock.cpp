#include "running_clock.h"

#include <atomic>

namespace twinflow {

namespace {

using Duration = RunningClock::Steady::duration;
std::atomic<Duration::rep> last_beat{0};  // 0: nobody beats
std::atomic<Duration::rep> stopped{0};    // until the last beat

}  // namespace

RunningClock::Steady::time_point RunningClock::at(Steady::time_point moment) {
  // In this order: between the two stores of beat(), the clock is behind, and never ahead.
  const Duration last(last_beat.load());
  Duration out(stopped.load());
  const Duration silence = moment.time_since_epoch() - last;
  if (last.count() != 0 && silence > longest_beat) out += silence - longest_beat;
  return moment - out;
}

void RunningClock::beat(Steady::time_point moment) {
  const Duration now = moment.time_since_epoch(), last(last_beat.load());
  if (last.count() != 0 && now - last > longest_beat) stopped += (now - last - longest_beat).count();
  last_beat = now.count();
}

void RunningClock::rest() { last_beat = 0; }

}  // namespace twinflow
