#include "check_schedule.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("time_decay schedule agrees with its formula") { check_schedule("time_decay"); }

TEST_CASE("time_decay schedule falls to a hundredth over the run, unless told") {
  const auto decay = component<Schedule>("type = \"time_decay\"");
  CHECK(decay->factor({0, 500}) == 1.0);
  CHECK(decay->factor({500, 500}) == doctest::Approx(0.01));
  CHECK(decay->factor({500, 4950}) == doctest::Approx(1.0 / 11.0));
  CHECK(decay->factor({0, 0}) == 1.0);
  CHECK(component<Schedule>("type = \"time_decay\"\ndecay = 0.0")->factor({500, 10}) == 1.0);
  CHECK(component<Schedule>("type = \"time_decay\"\ndecay = 0.25")->factor({12, 10}) == 0.25);
}
