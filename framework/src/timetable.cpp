#include "timetable.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinflow {

namespace {

Timetable::Clock::duration duration(double seconds) {
  return std::chrono::duration_cast<Timetable::Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

void Timetable::start(double seconds, Clock::time_point now) {
  if (run_.max_time) end_ = now + duration(static_cast<double>(run_.max_time->seconds) - seconds);
  saved(now);
}

void Timetable::saved(Clock::time_point now) {
  if (run_.save_minutes > 0) save_at_ = now + duration(60 * run_.save_minutes);
  pause_at_ = std::min(end_, save_at_);
}

std::uint64_t Timetable::next_pause(std::uint64_t step, std::uint64_t epoch_end) const {
  std::uint64_t pause = epoch_end;
  if (run_.max_steps) pause = std::min(pause, static_cast<std::uint64_t>(*run_.max_steps));
  if (run_.save_steps > 0) {
    const auto every = static_cast<std::uint64_t>(run_.save_steps);
    pause = std::min(pause, (step / every + 1) * every);
  }
  return pause;
}

const std::optional<std::string>& Timetable::spent(std::uint64_t step, bool time_over) {
  if (spent_) return spent_;
  if (run_.max_steps && step >= static_cast<std::uint64_t>(*run_.max_steps))
    spent_ = fmt::format("max_steps = {} of [run] is reached", *run_.max_steps);
  else if (time_over)
    spent_ = fmt::format("max_time = {} of [run] is over", ParamType<Duration>::text(*run_.max_time));
  return spent_;
}

bool Timetable::save_due(std::uint64_t step, Clock::time_point now) const {
  return now >= save_at_ || (run_.save_steps > 0 && step % static_cast<std::uint64_t>(run_.save_steps) == 0);
}

}  // namespace twinflow
