#include "plugins/data/glyph_hand.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace twinflow;
using namespace twinflow::data;
using doctest::Approx;

namespace {

const Glyph tick = {{{{-0.5, 0}, {0, 1}, {0.5, -1}}, false}, {{{-0.5, -1}, {0, -1}}, false}};

Hand steady() {
  Hand hand;
  hand.carelessness = 0;
  return hand;
}

}  // namespace

TEST_CASE("a hand without carelessness draws the glyph itself, scaled; only its place varies") {
  Random random(1, 0, 0);
  Hand hand = steady();
  hand.size = 0.5;
  const std::vector<Line> lines = draw(tick, hand, random);
  REQUIRE(lines.size() == 2);
  const Box box = bounds(lines);
  CHECK(box.high.y - box.low.y == Approx(52.5));  // half of 105
  CHECK(box.high.x - box.low.x == Approx(26.25));
  CHECK(std::abs((box.low.x + box.high.x) / 2 - 52.5) <= 4.0);  // two deviations of 2 pixels
  hand.stretch = 2;
  Random same(1, 0, 0);
  const Box wide = bounds(draw(tick, hand, same));
  CHECK(wide.high.x - wide.low.x == Approx(52.5));
}

TEST_CASE("turn is clockwise, slant leans to the right") {
  const Glyph post = {{{{0, 1}, {0, -1}}, false}};
  Random one(1, 0, 0), two(1, 0, 0);
  Hand hand = steady();
  hand.turn = std::acos(-1.0) / 6;
  const Line turned = draw(post, hand, one)[0];
  const Point up = turned.back() - turned.front();
  CHECK(up.x / -up.y == Approx(std::tan(hand.turn)));
  hand.turn = 0;
  hand.slant = 0.3;
  const Line slanted = draw(post, hand, two)[0];
  const Point lean = slanted.back() - slanted.front();
  CHECK(lean.x / -lean.y == Approx(0.3));
}

TEST_CASE("nothing leaves the paper, however large and far out") {
  Random random(1, 0, 0);
  for (int i = 0; i < 200; ++i) {
    Hand hand = draw_hand(1.5, random);
    hand.size *= 2;
    hand.place = {random.uniform(-80, 80), random.uniform(-80, 80)};
    const Box box = bounds(draw(tick, hand, random));
    CHECK(box.low.x >= 4 - 1e-9);
    CHECK(box.low.y >= 4 - 1e-9);
    CHECK(box.high.x <= 101 + 1e-9);
    CHECK(box.high.y <= 101 + 1e-9);
  }
}

TEST_CASE("hands vary about the typical, and drawings of one hand less than those of many") {
  constexpr int count = 2000;
  double pen = 0, size = 0, size_square = 0, turn_square = 0;
  for (int i = 0; i < count; ++i) {
    Random random(1, 0, i);
    const Hand hand = draw_hand(1.5, random);
    pen += std::log(hand.pen / 1.5) / count;
    size += std::log(hand.size / 0.6) / count;
    size_square += std::pow(std::log(hand.size / 0.6), 2) / count;
    turn_square += hand.turn * hand.turn / count;
  }
  // Normal, clamped at two deviations: the deviation is sqrt(0.9209...) = 0.9596 of the nominal one.
  CHECK(pen == Approx(0).epsilon(0.01));
  CHECK(size == Approx(0).epsilon(0.01));
  CHECK(std::sqrt(size_square) == Approx(0.12 * 0.9596).epsilon(0.05));
  CHECK(std::sqrt(turn_square) == Approx(0.05 * 0.9596).epsilon(0.05));

  const auto variance = [](bool one_hand) {  // of the height's logarithm
    double sum = 0, squares = 0;
    Random hands(7, 0, 0), random(8, 0, 0);
    Hand hand = draw_hand(1.5, hands);
    for (int i = 0; i < 300; ++i) {
      if (!one_hand) hand = draw_hand(1.5, hands);
      const Box box = bounds(draw(tick, hand, random));
      const double height = std::log(box.high.y - box.low.y);
      sum += height, squares += height * height;
    }
    return squares / 300 - sum / 300 * (sum / 300);
  };
  CHECK(variance(true) > 1e-3);
  CHECK(variance(false) > 1.5 * variance(true));
}
