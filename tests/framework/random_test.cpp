#include "twinflow/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "twinflow/error.h"

using namespace twinflow;

TEST_CASE("streams are fixed for ever") {
  // Changing these numbers changes every trained model: do not.
  CHECK(stream_key(7, "augmented", "rotation") == 453423904059240368u);
  Random random(stream_key(7, "augmented", "rotation"), 3, 11);
  CHECK(random.bits() == 3318089580u);
  CHECK(random.bits() == 932763596u);
  CHECK(random.uniform() == doctest::Approx(0.13924214749884933).epsilon(1e-15));
  CHECK(random.normal() == doctest::Approx(-0.48825931650921695).epsilon(1e-12));
  CHECK(random.below(1000) == 223);
  CHECK(random.uniform(-2.0, 3.0) == doctest::Approx(-1.2845716701273284).epsilon(1e-15));
  CHECK(random.choose(10, 4) == std::vector<std::size_t>{8, 7, 9, 0});
  std::vector<int> values{0, 1, 2, 3, 4, 5, 6, 7};
  random.shuffle(std::span(values));
  CHECK(values == std::vector<int>{5, 0, 4, 2, 1, 3, 6, 7});
  std::vector<bool> coins;
  for (int i = 0; i < 8; ++i) coins.push_back(random.coin(0.3));
  CHECK(coins == std::vector<bool>{true, true, false, false, true, false, true, true});
}

TEST_CASE("many at once are the same as one by one, from any place in the stream") {
  for (std::size_t before : {0u, 1u, 3u, 4u, 6u}) {
    for (std::size_t count : {0u, 1u, 2u, 4u, 7u, 100u}) {
      Random one(5, 6, 7), many(5, 6, 7);
      for (std::size_t i = 0; i < before; ++i) CHECK(one.bits() == many.bits());
      std::vector<std::uint32_t> found(count), expected(count);
      many.bits(std::span(found));
      for (std::uint32_t& bits : expected) bits = one.bits();
      CHECK(found == expected);
      CHECK(one.bits() == many.bits());
    }
  }
}

TEST_CASE("key, epoch and index each give a stream of their own") {
  std::set<std::uint32_t> firsts;
  for (const char* node : {"a", "b"})
    for (const char* purpose : {"a", "b"})
      for (std::uint64_t epoch : {0, 1})
        for (std::uint64_t index : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 32})
          firsts.insert(Random(stream_key(1, node, purpose), epoch, index).bits());
  CHECK(firsts.size() == 2 * 2 * 2 * 3);
}

TEST_CASE("uniform, coin and normal have the moments they should") {
  Random random(stream_key(1, "moments", ""), 0, 0);
  const int count = 100000;
  double sum = 0, square = 0, heads = 0, normal_sum = 0, normal_square = 0, low = 1, high = 0;
  for (int i = 0; i < count; ++i) {
    const double u = random.uniform();
    low = std::min(low, u), high = std::max(high, u);
    sum += u, square += u * u;
    heads += random.coin(0.3);
    const double n = random.normal();
    normal_sum += n, normal_square += n * n;
  }
  // Tolerances are five standard errors.
  CHECK(sum / count == doctest::Approx(0.5).epsilon(0.01));
  CHECK(square / count == doctest::Approx(1.0 / 3).epsilon(0.015));
  CHECK(heads / count == doctest::Approx(0.3).epsilon(0.025));
  CHECK(std::abs(normal_sum / count) < 0.016);
  CHECK(normal_square / count == doctest::Approx(1.0).epsilon(0.023));
  CHECK(low >= 0);
  CHECK(high < 1);
}

TEST_CASE("below is uniform and within bounds") {
  Random random(stream_key(1, "below", ""), 0, 0);
  std::array<int, 7> seen{};
  for (int i = 0; i < 70000; ++i) ++seen.at(random.below(7));
  for (const int count : seen) CHECK(std::abs(count - 10000) < 500);
  CHECK(random.below(1) == 0);
}

TEST_CASE("choose gives distinct numbers, every one as likely") {
  Random random(stream_key(1, "choose", ""), 0, 0);
  std::array<int, 10> seen{};
  for (int i = 0; i < 10000; ++i) {
    const auto chosen = random.choose(10, 3);
    CHECK(std::set<std::size_t>(chosen.begin(), chosen.end()).size() == 3);
    for (const std::size_t one : chosen) ++seen.at(one);
  }
  for (const int count : seen) CHECK(std::abs(count - 3000) < 250);
  CHECK(random.choose(4, 4).size() == 4);
  CHECK_THROWS_WITH_AS(random.choose(3, 4), "cannot choose 4 different ones out of 3", Error);
}

TEST_CASE("shuffle permutes") {
  Random random(stream_key(1, "shuffle", ""), 0, 0);
  std::vector<int> values(50);
  std::iota(values.begin(), values.end(), 0);
  const auto sorted = values;
  random.shuffle(std::span(values));
  CHECK(values != sorted);
  std::sort(values.begin(), values.end());
  CHECK(values == sorted);
}

TEST_CASE("one of none cannot be drawn") {
  Random random(stream_key(1, "none", ""), 0, 0);
  CHECK_THROWS_WITH_AS(random.below(0), "cannot draw one of 0 things at random: there has to be at least one",
                       Error);
}
