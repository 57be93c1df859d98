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

/// What the ranking holds, best first, after each of the values: by the letters a, b, c, ... of their order.
std::vector<std::string> rankings(bool lower, double min_delta, std::size_t room,
                                  const std::vector<double>& values) {
  Ranking ranking(lower, min_delta, room);
  std::vector<std::string> all;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ranking.see(values[i], i);
    all.emplace_back();
    for (const Ranking::Place& one : ranking.places()) all.back() += static_cast<char>('a' + one.name);
  }
  return all;
}
using Strings = std::vector<std::string>;

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

TEST_CASE("improvement: with a start, even the first value has to improve on that") {
  Improvement improvement(false, 0.125, 0.5);
  std::string all;
  for (const double value : {0.5, 0.625, 0.75, 0.625}) all += improvement.see(value) ? '+' : '-';
  CHECK(all == "--+-");
}

TEST_CASE("ranking: what enters, at which place, and what leaves") {
  CHECK(rankings(false, 0, 2, {0.5, 0.25, 0.375, 0.75, 0.125}) == Strings{"a", "ab", "ac", "da", "da"});
  CHECK(rankings(true, 0, 2, {0.5, 0.25, 0.375, 0.75, 0.125}) == Strings{"a", "ba", "bc", "bc", "eb"});
  CHECK(rankings(false, 0, 0, {0.5, 0.25}) == Strings{"", ""});
  CHECK(rankings(false, 0, 4, {0.5, 0.25, 0.75}) == Strings{"a", "ab", "cab"});
}

TEST_CASE("ranking: of equal values the earlier is the better, and a tie with the worst does not enter") {
  CHECK(rankings(false, 0, 2, {0.5, 0.5, 0.5, 0.75, 0.75, 0.75}) ==
        Strings{"a", "ab", "ab", "da", "de", "de"});
  CHECK(rankings(true, 0, 3, {0.5, 0.25, 0.25, 0.25}) == Strings{"a", "ba", "bca", "bcd"});
}

TEST_CASE("ranking: entering a full list takes more than min_delta over its worst") {
  CHECK(rankings(false, 0.25, 2, {0.5, 0.25, 0.5, 0.5625, 0.75, 0.8125}) ==
        Strings{"a", "ab", "ab", "da", "da", "fd"});
  // Among those that have entered it is the value that counts.
  CHECK(rankings(false, 0.25, 2, {0.5, 0.5625}) == Strings{"a", "ba"});
}

TEST_CASE("ranking: what is not finite never enters, even where there is room") {
  CHECK(rankings(false, 0, 2, {nan, inf, 0.5, -inf, nan, 0.25, inf}) ==
        Strings{"", "", "c", "c", "c", "cf", "cf"});
  CHECK(rankings(true, 0, 2, {-inf, 0.5, nan}) == Strings{"", "b", "b"});
}

TEST_CASE("ranking: with room for one it is an improvement") {
  const std::vector<double> values = {nan, 0.5, 0.5, 0.75, inf, 0.625, 0.875, 0.25, -inf, 1};
  for (const bool lower : {false, true})
    for (const double min_delta : {0.0, 0.125, 0.25}) {
      Improvement improvement(lower, min_delta);
      Ranking ranking(lower, min_delta, 1);
      std::uint64_t name = 0;
      for (const double value : values) {
        CHECK(improvement.see(value) == ranking.see(value, name++));
        CHECK((ranking.places().empty() ? std::optional<double>() : ranking.places()[0].value) ==
              improvement.best());
      }
    }
}

TEST_CASE("ranking: a name has one place; what is removed makes room") {
  Ranking ranking(false, 0, 2);
  CHECK(ranking.see(0.5, 7));
  CHECK_FALSE(ranking.see(0.75, 7));
  CHECK(ranking.places().at(0).value == 0.5);
  CHECK(ranking.see(0.25, 8));
  ranking.remove(7);
  CHECK(ranking.places().size() == 1);
  CHECK(ranking.see(0.125, 9));
  CHECK(ranking.places().at(1).name == 9);
}

TEST_CASE("lower_is_better: by the mode, else by who measures") {
  CHECK(lower_is_better(Mode::automatic, Better::lower));
  CHECK_FALSE(lower_is_better(Mode::automatic, Better::higher));
  CHECK_FALSE(lower_is_better(Mode::max, Better::lower));
  CHECK(lower_is_better(Mode::min, Better::higher));
}
