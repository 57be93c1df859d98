#include "running_clock.h"

#include <doctest/doctest.h>

using namespace twinflow;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a long silence between two beats is no running time, a short one is") {
  const auto start = RunningClock::Steady::now();
  RunningClock::beat(start);
  const auto begin = RunningClock::at(start);
  const auto passed = [&](RunningClock::Steady::duration time) {
    return RunningClock::at(start + time) - begin;
  };
  CHECK(passed(milliseconds(900)) == milliseconds(900));
  RunningClock::beat(start + milliseconds(900));
  CHECK(passed(milliseconds(1800)) == milliseconds(1800));
  CHECK(passed(seconds(50)) == milliseconds(1900));  // stopped, or no beat yet: the clock waits
  RunningClock::beat(start + seconds(100));
  CHECK(passed(seconds(100)) == milliseconds(1900));
  CHECK(passed(milliseconds(100'500)) == milliseconds(2400));
  RunningClock::rest();
  CHECK(passed(seconds(200)) == milliseconds(101'900));  // a steady clock again
}
