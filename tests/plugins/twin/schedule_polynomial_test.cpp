#include "check_schedule.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("polynomial schedule agrees with PyTorch") { check_schedule("polynomial"); }

TEST_CASE("polynomial schedule by hand") {
  const auto line = component<Schedule>("type = \"polynomial\"\nfloor = 0.2");
  CHECK(line->factor({0, 100}) == 1.0);
  CHECK(line->factor({25, 100}) == doctest::Approx(0.8));
  CHECK(line->factor({100, 100}) == 0.2);
  CHECK(line->factor({1000, 100}) == 0.2);
  const auto parabola = component<Schedule>("type = \"polynomial\"\nfloor = 0.0\npower = 2.0");
  CHECK(parabola->factor({75, 100}) == doctest::Approx(1.0 / 16.0));
}
