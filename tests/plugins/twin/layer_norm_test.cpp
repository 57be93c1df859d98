#include <doctest/doctest.h>

#include <cmath>

#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("layer_norm by hand") {
  // Images (1, 3) and (10, 14): means 2 and 12, variances 1 and 4.
  const Through found =
      pass_through("[{type = 'layer_norm', epsilon = 0.0}]", {2, 1, 1}, {1, 3, 10, 14}, {1, 0, 0, 4},
                   {.weights = {{"0.layer_norm.weight", {3, 5}}, {"0.layer_norm.bias", {10, 20}}}});
  const std::vector<float> expected = {7, 25, 7, 25};
  for (std::size_t i = 0; i < 4; ++i) CHECK(found.y[i] == doctest::Approx(expected[i]));
  // Of two numbers, normalised always to -1 and 1, nothing changes with the input.
  for (const float one : found.dx) CHECK(one == doctest::Approx(0.0).scale(1.0).epsilon(1e-5));
  // epsilon = 3 makes the deviation of the first image 2: n = -1/2, 1/2; g = (3, 0); dx = (g - 3/2 - n
  // mean(gn))/2.
  const Through soft =
      pass_through("[{type = 'layer_norm', epsilon = 3.0}]", {2, 1, 1}, {1, 3}, {1, 0},
                   {.weights = {{"0.layer_norm.weight", {3, 5}}, {"0.layer_norm.bias", {10, 20}}}});
  CHECK(soft.y[0] == doctest::Approx(8.5));
  CHECK(soft.y[1] == doctest::Approx(22.5));
  CHECK(soft.dx[0] == doctest::Approx((3 - 1.5 - 0.5 * 0.75) / 2));
  CHECK(soft.dx[1] == doctest::Approx((0 - 1.5 + 0.5 * 0.75) / 2));
}

TEST_CASE("layer_norm: slopes, and the same bits for any number of threads") {
  const std::vector<float> weight = normal_numbers(60, 3), bias = normal_numbers(60, 4);
  check_layer("['layer_norm']", {3, 4, 5},
              {.weights = {{"0.layer_norm.weight", weight}, {"0.layer_norm.bias", bias}}}, 5e-3);
}

TEST_CASE("layer_norm starts as the identity on what is normalised") {
  Network network = network_of("['layer_norm']", {1, 1, 2});
  network.initialise([](std::string_view, std::uint64_t, std::uint64_t) { return Random(1, 0, 0); });
  CHECK(weight_of(network, "0.layer_norm.weight") == std::vector<float>{1, 1});
  CHECK(weight_of(network, "0.layer_norm.bias") == std::vector<float>{0, 0});
  CHECK(network.weights().tensors.at("0.layer_norm.bias").shape == std::vector<std::int64_t>{1, 1, 2});
}
