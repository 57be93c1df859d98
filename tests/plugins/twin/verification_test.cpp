#include "plugins/twin/verification.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

std::vector<JudgedDistance> judged(const std::vector<float>& same, const std::vector<float>& different) {
  std::vector<JudgedDistance> all;
  for (const float one : different) all.push_back({one, false});
  for (const float one : same) all.push_back({one, true});
  return all;
}
Roc roc(const std::vector<float>& same, const std::vector<float>& different) {
  return Roc(judged(same, different));
}

/// Distances of few values, so that there are ties; same pairs tend to be nearer.
std::vector<JudgedDistance> many(std::uint64_t seed, std::size_t count) {
  Random random(seed, 0, 0);
  std::vector<JudgedDistance> all;
  for (std::size_t i = 0; i < count; ++i) {
    const bool same = i < 2 ? i == 0 : random.coin(0.4);
    all.push_back({static_cast<float>(random.below(30) + (same ? 0 : 5)) / 8.0f, same});
  }
  return all;
}

}  // namespace

TEST_CASE("a curve of eight pairs, worked out by hand") {
  // same: 1 2 4 5, different: 3 4 6 8. Taken for the same up to each distance:
  //   up to            1    2    3    4    5    6    8
  //   different taken  0    0    1    2    2    3    4    of 4
  //   same taken       1    2    2    3    4    4    4    of 4
  //   judged rightly   5    6    5    5    6    5    4    of 8
  const Roc eight = roc({1, 2, 4, 5}, {3, 4, 6, 8});
  std::string text;
  for (const Roc::Point& point : eight.points())
    text += fmt::format("{}:{}/{} ", point.threshold, point.false_accepts, point.true_accepts);
  CHECK(text == "-inf:0/0 1:0/1 2:0/2 3:1/2 4:2/3 5:2/4 6:3/4 8:4/4 ");
  // Different pairs farther than each of the same ones: 4, 4, 2 and one half, 2.
  CHECK(eight.area() == 12.5 / 16);
  // From 3 to 4 the part accepted grows from 1/4 to 2/4, and that rejected falls from 2/4 to 1/4.
  CHECK(eight.equal_error_rate() == 0.375);
  // 6 pairs are judged rightly from 2 to 3, and from 5 to 6: gaps as wide, so the smaller one.
  CHECK(eight.best_threshold() == 2.5);
  CHECK(roc({1, 2, 4, 5}, {3, 4, 7, 8}).best_threshold() == 6.0);        // the wider one
  const Roc::Point at = judge(judged({1, 2, 4, 5}, {3, 4, 6, 8}), 4.0);  // up to 4, and no farther
  CHECK(at.true_accepts == 3);
  CHECK(at.false_accepts == 2);
  CHECK(eight.false_accept_rate(at) == 0.5);
  CHECK(eight.true_accept_rate(at) == 0.75);
}

TEST_CASE("curves that end nowhere near the middle") {
  CHECK(roc({1, 2}, {3, 5}).area() == 1.0);
  CHECK(roc({1, 2}, {3, 5}).equal_error_rate() == 0.0);
  CHECK(roc({1, 2}, {3, 5}).best_threshold() == 2.5);
  CHECK(roc({3, 4}, {1, 2}).area() == 0.0);
  CHECK(roc({3, 4}, {1, 2}).equal_error_rate() == 1.0);
  CHECK(roc({3, 4}, {1, 2}).best_threshold() == 4.0);  // all taken for the same: half of them are
  // None taken for the same: three of four are not.
  CHECK(roc({5}, {1, 2, 4}).best_threshold() == std::nextafter(1.0, 0.0));
  CHECK(roc({1, 3}, {2, 4}).equal_error_rate() == 0.5);
  // All at one distance: a coin. Twice as many are the same ones, so all are taken for that.
  CHECK(roc({2, 2}, {2}).area() == 0.5);
  CHECK(roc({2, 2}, {2}).equal_error_rate() == 0.5);
  CHECK(roc({2, 2}, {2}).best_threshold() == 2.0);
  CHECK(roc({-3}, {-2}).best_threshold() == -2.5);  // logits may be negative
  CHECK(roc({1}, {1}).points().size() == 2);
}

TEST_CASE("area, error rate and threshold agree with what they are defined as") {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    CAPTURE(seed);
    const std::vector<JudgedDistance> all = many(seed, 200);
    const Roc curve(all);
    double wins = 0, same = 0, different = 0;
    for (const JudgedDistance& a : all) {
      (a.same ? same : different) += 1;
      for (const JudgedDistance& b : all)
        if (a.same && !b.same) wins += a.distance < b.distance ? 1.0 : a.distance == b.distance ? 0.5 : 0.0;
    }
    CHECK(curve.area() == doctest::Approx(wins / (same * different)).epsilon(1e-14));

    // The line's crossing, found by halving along the curve.
    const auto& points = curve.points();
    double low = 0, high = static_cast<double>(points.size() - 1), accepted = 0;
    for (int i = 0; i < 100; ++i) {
      const double middle = (low + high) / 2;
      const auto before = std::min(static_cast<std::size_t>(middle), points.size() - 2);
      const double part = middle - static_cast<double>(before);
      accepted = std::lerp(curve.false_accept_rate(points[before]),
                           curve.false_accept_rate(points[before + 1]), part);
      const double rejected = 1 - std::lerp(curve.true_accept_rate(points[before]),
                                            curve.true_accept_rate(points[before + 1]), part);
      (accepted < rejected ? low : high) = middle;
    }
    CHECK(curve.equal_error_rate() == doctest::Approx(accepted).epsilon(1e-9));

    const auto right = [&](double threshold) {
      return std::count_if(all.begin(), all.end(), [&](const JudgedDistance& one) {
        return (static_cast<double>(one.distance) <= threshold) == one.same;
      });
    };
    const double best = curve.best_threshold();
    for (double other = -1.0; other < 6.0; other += 1.0 / 64) CHECK(right(other) <= right(best));
    const Roc::Point at = judge(all, best);
    CHECK(static_cast<double>(right(best)) ==
          static_cast<double>(at.true_accepts) + different - static_cast<double>(at.false_accepts));
  }
}

TEST_CASE("the order of the pairs does not matter") {
  std::vector<JudgedDistance> all = many(7, 300);
  const Roc once(all);
  Random(1, 1, 1).shuffle(std::span(all));
  const Roc again(all);
  CHECK(once.area() == again.area());
  CHECK(once.equal_error_rate() == again.equal_error_rate());
  CHECK(once.best_threshold() == again.best_threshold());
}

TEST_CASE("the points as CSV, thinned, with the first and the last") {
  CHECK(roc_csv(roc({1, 2, 4, 5}, {3, 4, 6, 8}), 1000) ==
        "threshold,false_accept_rate,true_accept_rate\n"
        "-inf,0,0\n1,0,0.25\n2,0,0.5\n3,0.25,0.5\n4,0.5,0.75\n5,0.5,1\n6,0.75,1\n8,1,1\n");
  std::vector<JudgedDistance> all;
  for (int i = 0; i < 5000; ++i) all.push_back({static_cast<float>(i), i % 3 == 0});
  std::istringstream lines(roc_csv(Roc(all), 1000));
  std::vector<std::string> read;
  for (std::string line; std::getline(lines, line);) read.push_back(line);
  REQUIRE(read.size() == 1001);
  CHECK(read[1] == "-inf,0,0");
  CHECK(read.back() == "4999,1,1");
  CHECK(std::adjacent_find(read.begin(), read.end()) == read.end());
  CHECK(roc_csv(Roc(all), 2) == "threshold,false_accept_rate,true_accept_rate\n-inf,0,0\n4999,1,1\n");
}
