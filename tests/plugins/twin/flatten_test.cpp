#include <doctest/doctest.h>

#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("flatten orders by channel, row and column, and so does the gradient") {
  CHECK(output_of("'flatten'", {3, 4, 5}) == "60x1x1");
  const std::vector<float> images = normal_numbers(2 * 60, 1), upstream = normal_numbers(2 * 60, 2);
  for (auto tag : {memory::format_tag::nchw, memory::format_tag::nhwc, memory::format_tag::nChw16c}) {
    const Through found = pass_through("['flatten']", {3, 4, 5}, images, upstream, {.tag = tag});
    CHECK(found.y == images);
    CHECK(found.dx == upstream);
  }
  check_layer("['tanh', 'flatten', 'sigmoid']", {3, 4, 5});
}
