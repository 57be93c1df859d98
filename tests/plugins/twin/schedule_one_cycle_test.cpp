#include "check_schedule.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("one_cycle schedule agrees with PyTorch, in two phases and in three") {
  check_schedule("one_cycle");
}

TEST_CASE("one_cycle schedule by hand") {
  const auto cycle =
      component<Schedule>("type = \"one_cycle\"\nup = 0.25\nstart_divisor = 4.0\nend_divisor = 10.0");
  CHECK(cycle->factor({0, 100}) == doctest::Approx(0.25));
  CHECK(cycle->factor({12, 100}) == doctest::Approx(0.625));  // half-way up
  CHECK(cycle->factor({24, 100}) == doctest::Approx(1.0));
  CHECK(cycle->factor({99, 100}) == doctest::Approx(0.025));
  CHECK(cycle->factor({5000, 100}) == doctest::Approx(0.025));
}

TEST_CASE("one_cycle schedule holds where there is little to go along") {
  CHECK(component<Schedule>("type = \"one_cycle\"\nup = 1.0")->factor({9, 10}) == doctest::Approx(1.0));
  CHECK(component<Schedule>("type = \"one_cycle\"\nup = 0.5")->factor({0, 2}) == 1.0);
  for (const char* up : {"0.0", "0.3", "1.0"})
    for (std::uint64_t total : {0, 1, 2, 3})
      for (std::uint64_t t : {0, 1, 2, 3}) {
        const double factor =
            component<Schedule>("type = \"one_cycle\"\nup = " + std::string(up))->factor({t, total});
        CHECK(factor > 0.0);
        CHECK(factor <= 1.0);
      }
  CHECK(problem_of<Schedule>("type = \"one_cycle\"\nup = 0.6\nthree_phases = true") ==
        "with three phases at most half of the updates can rise: as many fall");
}
