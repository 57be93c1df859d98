#include "plugins/data/progress.h"

#include <doctest/doctest.h>
#include <tbb/parallel_for.h>

#include <vector>

using namespace twinflow::data;
using namespace std::chrono_literals;

TEST_CASE("progress is said now and then, with count, rate and time left, but not of the last") {
  std::vector<std::string> said;
  Progress progress(3, 0s, [&](const std::string& line) { said.push_back(line); });
  for (int i = 0; i < 3; ++i) progress.step();
  REQUIRE(said.size() == 2);
  CHECK(said[0].starts_with("1 of 3 images read, "));
  CHECK(said[0].ends_with(" a second, 0 s left"));
  CHECK(said[1].starts_with("2 of 3 images read, "));
}

TEST_CASE("nothing is said before the time is up, and by one thread at a time") {
  std::vector<std::string> said;
  Progress quick(10'000, 1h, [&](const std::string& line) { said.push_back(line); });
  tbb::parallel_for(0, 10'000, [&](int) { quick.step(); });
  CHECK(said.empty());
  Progress always(10'000, 0s, [&](const std::string& line) { said.push_back(line); });
  tbb::parallel_for(0, 10'000, [&](int) { always.step(); });
  CHECK(said.size() > 0);
  CHECK(said.size() < 10'000);
}
