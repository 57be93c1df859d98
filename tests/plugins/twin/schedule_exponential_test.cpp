#include "check_schedule.h"

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

TEST_CASE("step schedule agrees with PyTorch") { check_schedule("step"); }

TEST_CASE("exponential and step schedules count epochs where told to") {
  // Koch 2015: 0.99 after each epoch, here of 30 updates.
  const auto koch = component<Schedule>("type = \"exponential\"\nevery = 1\nunit = \"epochs\"");
  CHECK(koch->factor({29, 9000, 30}) == 1.0);
  CHECK(koch->factor({30, 9000, 30}) == 0.99);
  CHECK(koch->factor({30 * 100, 9000, 30}) == doctest::Approx(std::pow(0.99, 100)));
  const auto step = component<Schedule>("type = \"step\"\nevery = 2\nunit = \"epochs\"");
  CHECK(step->factor({59, 9000, 30}) == 1.0);
  CHECK(step->factor({60, 9000, 30}) == 0.1);
  // 10 batches, 4 for each update: 2 epochs are 5 updates.
  CHECK(step->factor({4, 9000, 2.5}) == 1.0);
  CHECK(step->factor({5, 9000, 2.5}) == 0.1);
}
