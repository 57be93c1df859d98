#include "components.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("exponential schedule agrees with PyTorch") { check_schedule("exponential"); }

TEST_CASE("exponential schedule by hand") {
  const auto steps = component<Schedule>("type = \"exponential\"\nrate = 0.5\nevery = 10");
  CHECK(steps->factor({9, 100}) == 1.0);
  CHECK(steps->factor({10, 100}) == 0.5);
  CHECK(steps->factor({39, 100}) == 0.125);
  const auto smooth =
      component<Schedule>("type = \"exponential\"\nrate = 0.25\nevery = 10\nstaircase = false");
  CHECK(smooth->factor({5, 100}) == doctest::Approx(0.5));
  CHECK(smooth->factor({30, 0}) == doctest::Approx(1.0 / 64.0));
}

TEST_CASE("exponential schedule refuses to fall every 0 updates") {
  CHECK(problem_of<Schedule>("type = \"exponential\"\nevery = 0").find("every") != std::string::npos);
}
