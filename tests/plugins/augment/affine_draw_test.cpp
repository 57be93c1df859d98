#include "plugins/augment/affine_draw.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include "augmenting.h"

// 20,000 draws: the mean of a uniform draw has a standard error of range / sqrt(12 * 20000), or range / 490;
// five of them, about 0.01 of the range, is what a mean may be off. Seeds are fixed: a test that passes once
// passes always.

using namespace twinflow;
using namespace twinflow::augment;
using augmenting::correlation;

namespace {

constexpr std::size_t height = 100, width = 50, count = 20000;

std::vector<AffineChange> changes(const AffineRanges& ranges) {
  Random random(17, 0, 0);
  std::vector<AffineChange> drawn(count);
  for (AffineChange& change : drawn) change = draw_change(ranges, height, width, random);
  return drawn;
}

std::vector<double> values(const std::vector<AffineChange>& changes, double AffineChange::*member) {
  std::vector<double> all;
  for (const AffineChange& change : changes) all.push_back(change.*member);
  return all;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// All within the range, its ends nearly reached, each tenth of it holding a tenth of the draws.
void check_tenths(std::vector<double> drawn, double low, double high) {
  CHECK(*std::min_element(drawn.begin(), drawn.end()) >= low);
  CHECK(*std::max_element(drawn.begin(), drawn.end()) <= high);
  CHECK(std::abs(mean(drawn) - (low + high) / 2) < 0.01 * (high - low));
  std::vector<int> tenths(10);
  for (const double value : drawn) ++tenths[std::min(9, static_cast<int>((value - low) / (high - low) * 10))];
  for (const int held : tenths)
    CHECK(std::abs(held - 2000) < 215);  // five deviations of sqrt(20000 * 0.1 * 0.9) = 42.4
}

const AffineRanges everything{.rotation = {-10, 30},
                              .width_shift = {-0.1, 0.2},
                              .height_shift = {-3, 0.5},
                              .shear = {2, 12},
                              .zoom = {0.5, 2},
                              .channel_shift = {-0.2, 0.1},
                              .brightness = {0.4, 1.2}};

}  // namespace

TEST_CASE("draw_change: nothing by default") {
  for (const AffineChange& change : changes({})) {
    REQUIRE(change.rotation == 0);
    REQUIRE(change.height_shift == 0);
    REQUIRE(change.width_shift == 0);
    REQUIRE(change.shear == 0);
    REQUIRE(change.zoom_height == 1);
    REQUIRE(change.zoom_width == 1);
    REQUIRE_FALSE(change.horizontal_flip);
    REQUIRE_FALSE(change.vertical_flip);
    REQUIRE(change.channel_shift == 0);
    REQUIRE(change.brightness == 1);
  }
}

TEST_CASE("draw_change: uniform in the ranges") {
  const auto drawn = changes(everything);
  check_tenths(values(drawn, &AffineChange::rotation), -10, 30);
  check_tenths(values(drawn, &AffineChange::width_shift), -0.1 * width, 0.2 * width);  // fractions
  check_tenths(values(drawn, &AffineChange::height_shift), -3, 0.5);  // pixels: one end is not below 1
  check_tenths(values(drawn, &AffineChange::shear), 2, 12);
  check_tenths(values(drawn, &AffineChange::zoom_height), 0.5, 2);
  check_tenths(values(drawn, &AffineChange::zoom_width), 0.5, 2);
  check_tenths(values(drawn, &AffineChange::channel_shift), -0.2, 0.1);
  check_tenths(values(drawn, &AffineChange::brightness), 0.4, 1.2);
}

TEST_CASE("draw_change: shifts of one are pixels") {
  const auto drawn = changes({.width_shift = {-1, 1}, .height_shift = {-0.99, 0.99}});
  check_tenths(values(drawn, &AffineChange::width_shift), -1, 1);
  check_tenths(values(drawn, &AffineChange::height_shift), -99, 99);
  const auto uneven = changes({.width_shift = {-1, 0.5}, .height_shift = {-0.5, 1}});
  check_tenths(values(uneven, &AffineChange::width_shift), -1, 0.5);
  check_tenths(values(uneven, &AffineChange::height_shift), -0.5, 1);
}

TEST_CASE("draw_change: a range of one value fixes it") {
  for (const AffineChange& change : changes({.rotation = {7, 7}, .zoom = {1.5, 1.5}})) {
    REQUIRE(change.rotation == 7);
    REQUIRE(change.zoom_width == 1.5);
  }
}

TEST_CASE("draw_change: a logarithmic zoom is as often below 1 as above it") {
  AffineRanges ranges;
  ranges.zoom = {0.25, 4};
  ranges.zoom_scale = ZoomScale::log;
  for (const auto member : {&AffineChange::zoom_height, &AffineChange::zoom_width}) {
    std::vector<double> zooms = values(changes(ranges), member);
    for (double& zoom : zooms) zoom = std::log2(zoom);
    check_tenths(zooms, -2.0000001, 2.0000001);
  }
}

TEST_CASE("draw_change: with a probability, every component by itself") {
  AffineRanges ranges = everything;
  ranges.probability = 0.3;
  ranges.horizontal_flip = 0.8;
  ranges.vertical_flip = 0.1;
  ranges.probabilities.shear = 0.7;
  ranges.probabilities.zoom = 0.9;
  ranges.probabilities.brightness = 0.0;
  const auto drawn = changes(ranges);
  const std::vector<std::function<bool(const AffineChange&)>> happened = {
      [](const AffineChange& c) { return c.rotation != 0; },
      [](const AffineChange& c) { return c.height_shift != 0; },
      [](const AffineChange& c) { return c.width_shift != 0; },
      [](const AffineChange& c) { return c.shear != 0; },
      [](const AffineChange& c) { return c.zoom_height != 1; },
      [](const AffineChange& c) { return c.zoom_width != 1; },
      [](const AffineChange& c) { return c.horizontal_flip; },
      [](const AffineChange& c) { return c.vertical_flip; },
      [](const AffineChange& c) { return c.channel_shift != 0; },
      [](const AffineChange& c) { return c.brightness != 1; }};
  const std::vector<double> wanted = {0.3, 0.3, 0.3, 0.7, 0.9, 0.9, 0.8, 0.1, 0.3, 0.0};
  std::vector<std::vector<double>> coins(happened.size());
  for (std::size_t i = 0; i < happened.size(); ++i) {
    for (const AffineChange& change : drawn) coins[i].push_back(happened[i](change));
    CHECK(std::abs(mean(coins[i]) - wanted[i]) < 0.0163);  // five deviations of sqrt(0.3 * 0.7 / 20000)
    for (std::size_t j = 0; j < i && wanted[i] > 0; ++j)
      CHECK(std::abs(correlation(coins[i], coins[j])) < 0.036);  // 5 / sqrt(20000)
  }
}

TEST_CASE("draw_change: components and neighbouring images are independent") {
  const auto drawn = changes(everything);
  std::vector<std::vector<double>> columns;
  for (const auto member : {&AffineChange::rotation, &AffineChange::height_shift, &AffineChange::width_shift,
                            &AffineChange::shear, &AffineChange::zoom_height, &AffineChange::zoom_width,
                            &AffineChange::channel_shift, &AffineChange::brightness}) {
    columns.push_back(values(drawn, member));
    std::vector<double> next = columns.back();
    std::rotate(next.begin(), next.begin() + 1, next.end());
    CHECK(std::abs(correlation(columns.back(), next)) < 0.036);
  }
  for (std::size_t i = 0; i < columns.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(std::abs(correlation(columns[i], columns[j])) < 0.036);
}

TEST_CASE("draw_change: every probability of its own reaches its component") {
  struct Case {
    std::optional<double> AffineProbabilities::*own;
    std::vector<double AffineChange::*> components;
  };
  const std::vector<Case> cases = {
      {&AffineProbabilities::rotation, {&AffineChange::rotation}},
      {&AffineProbabilities::width_shift, {&AffineChange::width_shift}},
      {&AffineProbabilities::height_shift, {&AffineChange::height_shift}},
      {&AffineProbabilities::shear, {&AffineChange::shear}},
      {&AffineProbabilities::zoom, {&AffineChange::zoom_height, &AffineChange::zoom_width}},
      {&AffineProbabilities::channel_shift, {&AffineChange::channel_shift}},
      {&AffineProbabilities::brightness, {&AffineChange::brightness}}};
  for (const Case& one : cases) {
    AffineRanges ranges = everything;
    ranges.probability = 0;
    ranges.probabilities.*one.own = 1;
    const AffineChange none;
    const std::vector<AffineChange> drawn = changes(ranges);
    for (const Case& other : cases)
      for (const auto component : other.components)
        CHECK((drawn[0].*component != none.*component) == (other.own == one.own));
  }
}
