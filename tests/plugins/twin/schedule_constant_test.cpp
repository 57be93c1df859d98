#include "check_schedule.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("constant is 1 throughout, and beyond") {
  check_schedule("constant");
  CHECK(component<Schedule>("type = \"constant\"")->factor({1000, 10}) == 1.0);
}

TEST_CASE("any schedule may warm up first: up to where it stands, in its own time") {
  const auto constant = component<Schedule>("type = \"constant\"\nwarmup = 0.04");
  const double expected[] = {0.25, 0.5, 0.75, 1, 1};
  for (std::uint64_t t = 0; t < 5; ++t) CHECK(constant->factor({t, 100}) == expected[t]);
  // Steps stand where they stood without: the third of four updates of warm-up is behind the first.
  const auto step = component<Schedule>("type = \"step\"\nrate = 0.5\nevery = 2\nwarmup = 0.04");
  const double steps[] = {0.25, 0.5, 0.375, 0.5, 0.25};
  for (std::uint64_t t = 0; t < 5; ++t) CHECK(step->factor({t, 100}) == steps[t]);
  CHECK(problem_of<Schedule>("type = \"constant\"\nwarmup = 1.5").find("warmup") != std::string::npos);
}
