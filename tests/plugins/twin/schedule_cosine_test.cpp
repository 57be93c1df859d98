#include <numbers>

#include "check_schedule.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("cosine schedule agrees with PyTorch") { check_schedule("cosine"); }

TEST_CASE("cosine schedule by hand") {
  // 100 updates: 3 of warm-up, then 97 along the cosine.
  const auto cosine = component<Schedule>("type = \"cosine\"");
  CHECK(cosine->factor({0, 100}) == doctest::Approx(1.0 / 3.0));
  CHECK(cosine->factor({2, 100}) == doctest::Approx(1.0));
  CHECK(cosine->factor({3, 100}) == doctest::Approx(1.0));
  CHECK(cosine->factor({3 + 97, 100}) == 0.01);
  CHECK(cosine->factor({5000, 100}) == 0.01);
  const auto half = component<Schedule>("type = \"cosine\"\nwarmup = 0.0\nfloor = 0.2");
  CHECK(half->factor({0, 100}) == doctest::Approx(1.0));
  CHECK(half->factor({50, 100}) == doctest::Approx(0.6));
  CHECK(half->factor({25, 100}) == doctest::Approx(0.2 + 0.8 * (0.5 + std::sqrt(0.125))));
}

TEST_CASE("cosine schedule: the same bits as its formula") {
  const auto cosine = component<Schedule>("type = \"cosine\"\nfloor = 0.3");
  for (std::uint64_t t = 0; t < 120; ++t) {
    const double updates = static_cast<double>(t), progress = t < 100 ? (updates - 3.0) / 97.0 : 1.0;
    CHECK(cosine->factor({t, 100}) ==
          (t < 3 ? (updates + 1.0) / 3.0
                 : 0.3 + (1.0 - 0.3) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress))));
  }
}

TEST_CASE("cosine schedule holds where there is little or nothing to go along") {
  CHECK(component<Schedule>("type = \"cosine\"")->factor({0, 1}) ==
        doctest::Approx(1.0));  // 0.03 updates of warm-up
  CHECK(component<Schedule>("type = \"cosine\"")->factor({0, 0}) == 0.01);
  const auto only_warmup = component<Schedule>("type = \"cosine\"\nwarmup = 1.0");
  CHECK(only_warmup->factor({9, 10}) == doctest::Approx(1.0));
  CHECK(only_warmup->factor({10, 10}) == 0.01);
}

TEST_CASE("cosine schedule starts again after each period") {
  // 4, then 12, then 36 updates, after 2 of warm-up.
  const auto restarts =
      component<Schedule>("type = \"cosine\"\nwarmup = 0.02\nfloor = 0.0\nperiod = 4\nmultiplier = 3");
  CHECK(restarts->factor({0, 100}) == doctest::Approx(0.5));
  CHECK(restarts->factor({2, 100}) == doctest::Approx(1.0));
  CHECK(restarts->factor({2 + 2, 100}) == doctest::Approx(0.5));
  CHECK(restarts->factor({2 + 4, 100}) == doctest::Approx(1.0));
  CHECK(restarts->factor({2 + 4 + 6, 100}) == doctest::Approx(0.5));
  CHECK(restarts->factor({2 + 4 + 12, 100}) == doctest::Approx(1.0));
  CHECK(restarts->factor({2 + 4 + 12 + 9, 100}) == doctest::Approx(0.5 + std::sqrt(0.125)));
  const auto same =
      component<Schedule>("type = \"cosine\"\nwarmup = 0.0\nfloor = 0.0\nperiod = 2\nunit = \"epochs\"");
  CHECK(same->factor({5, 1000, 10}) == doctest::Approx(0.5 + std::sqrt(0.125)));
  CHECK(same->factor({1'000'000'000'000'010, 1000, 10}) == doctest::Approx(0.5));
}

TEST_CASE("cosine schedule refuses a multiplier of no period") {
  CHECK(problem_of<Schedule>("type = \"cosine\"\nmultiplier = 2") ==
        "multiplier needs a period: without one there is a single fall");
}
