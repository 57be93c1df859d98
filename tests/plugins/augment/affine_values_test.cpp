#include "plugins/augment/affine_values.h"

#include <doctest/doctest.h>

#include <vector>

using namespace twinflow::augment;

namespace {

void check(const AffineChange& change, std::vector<float> image, const std::vector<float>& by_hand) {
  change_values(image.data(), image.size(), change);
  for (std::size_t i = 0; i < image.size(); ++i) CHECK(image[i] == doctest::Approx(by_hand[i]));
}

}  // namespace

TEST_CASE("change_values: nothing by default, whatever the values are") {
  check({.rotation = 20}, {-3, 0.5, 7}, {-3, 0.5, 7});
}

TEST_CASE("change_values: a channel shift stays between the image's least and greatest value") {
  check({.channel_shift = 0.25}, {0.125, 0.5, 0.625, 0.25}, {0.375, 0.625, 0.625, 0.5});
  check({.channel_shift = -0.25}, {0.125, 0.5, 0.625, 0.25}, {0.125, 0.25, 0.375, 0.125});
}

TEST_CASE("change_values: brightness multiplies, and stays between 0 and 1") {
  check({.brightness = 0.5}, {0, 0.5, 1}, {0, 0.25, 0.5});
  check({.brightness = 3}, {0, 0.25, 0.5}, {0, 0.75, 1});
  check({.brightness = 0}, {0, 0.25, 0.5}, {0, 0, 0});
}

TEST_CASE("change_values: first the channel shift, then brightness") {
  check({.channel_shift = 0.25, .brightness = 2}, {0, 0.25, 0.5}, {0.5, 1, 1});
}
