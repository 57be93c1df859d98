#include "check_schedule.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("piecewise schedule agrees with PyTorch") { check_schedule("piecewise"); }

TEST_CASE("piecewise schedule by hand") {
  const auto pieces =
      component<Schedule>("type = \"piecewise\"\nboundaries = [3, 5]\nfactors = [1.0, 0.5, 2.0]");
  const double expected[] = {1, 1, 1, 0.5, 0.5, 2, 2};
  for (std::uint64_t t = 0; t < 7; ++t) CHECK(pieces->factor({t, 4}) == expected[t]);
  CHECK(component<Schedule>("type = \"piecewise\"")->factor({1000, 10}) == 1.0);
}

TEST_CASE("piecewise schedule refuses what does not fit together") {
  CHECK(problem_of<Schedule>("type = \"piecewise\"\nboundaries = [3, 5]\nfactors = [1.0, 0.5]") ==
        "needs one number more than there are boundaries, 3, found 2");
  CHECK(problem_of<Schedule>("type = \"piecewise\"\nboundaries = [5, 5]\nfactors = [1.0, 0.5, 0.1]") ==
        "each boundary has to be above the one before it");
}
