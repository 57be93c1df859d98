#include "plugins/monitor/improvement.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace twinflow;
using namespace twinflow::monitor;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

/// '+' for every value that improves, '-' for the others.
std::string table(bool lower, double min_delta, const std::vector<double>& values) {
  Improvement improvement(lower, min_delta);
  std::string all;
  for (const double value : values) all += improvement.see(value) ? '+' : '-';
  return all;
}

}  // namespace

TEST_CASE("improvement: strict, against the best so far and not the last") {
  CHECK(table(false, 0, {0.5, 0.5, 0.75, 0.625, 0.75, 0.875}) == "+-+--+");
  CHECK(table(true, 0, {0.5, 0.5, 0.25, 0.375, 0.25, 0.125}) == "+-+--+");
}

TEST_CASE("improvement: by more than min_delta; smaller gains do not add up to a new best") {
  CHECK(table(false, 0.25, {0.5, 0.75, 0.625, 0.78125, 1.03125, 1.0625}) == "+--+-+");
  CHECK(table(true, 0.25, {1.0, 0.75, 0.875, 0.71875, 0.46875, 0.4375}) == "+--+-+");
}

TEST_CASE("improvement: small steps count against the last best, so together they do improve") {
  CHECK(table(false, 0.25, {0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75}) == "+--+--+");
}

TEST_CASE("improvement: what is not finite never improves, and does not spoil the best") {
  CHECK(table(false, 0, {nan, 0.5, inf, nan, 0.25, 0.75, -inf}) == "-+---+-");
  CHECK(table(true, 0, {-inf, 0.5, nan, inf, 0.75, 0.25}) == "-+---+");
  Improvement improvement(false, 0);
  improvement.see(inf);
  CHECK_FALSE(improvement.best().has_value());
  improvement.see(-3);
  improvement.see(nan);
  CHECK(improvement.best() == -3);
}

TEST_CASE("lower_is_better: by the mode, else by who measures") {
  CHECK(lower_is_better(Mode::automatic, Better::lower));
  CHECK_FALSE(lower_is_better(Mode::automatic, Better::higher));
  CHECK_FALSE(lower_is_better(Mode::max, Better::lower));
  CHECK(lower_is_better(Mode::min, Better::higher));
}
