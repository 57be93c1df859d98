#include <doctest/doctest.h>

#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("the output's size drops what fills no window") {
  for (const std::string type : {"max_pool", "avg_pool"}) {
    CHECK(output_of("{type = '" + type + "'}", {3, 13, 52}) == "3x6x26");
    CHECK(output_of("{type = '" + type + "', size = 3, stride = 2}", {3, 9, 8}) == "3x4x3");
    CHECK(output_of("{type = '" + type + "'}", {3, 1, 8}) == "a 2x2 window does not fit into 3x1x8");
  }
  CHECK(output_of("'global_avg_pool'", {3, 13, 52}) == "3x1x1");
  CHECK(output_of("'global_max_pool'", {3, 13, 52}) == "3x1x1");
}

TEST_CASE("max_pool: the largest of a window, and the gradient goes to it alone") {
  const Through found =
      pass_through("['max_pool']", {1, 2, 5}, {1, 2, 7, 0, 99, 3, -4, 5, 6, 99}, {10, 1000});
  CHECK(found.y == std::vector<float>{3, 7});
  CHECK(found.dx == std::vector<float>{0, 0, 1000, 0, 0, 10, 0, 0, 0, 0});
}

TEST_CASE("avg_pool: the mean of a window, and each gets its part; windows that overlap add up") {
  const Through found = pass_through("['avg_pool']", {1, 2, 5}, {1, 2, 7, 0, 99, 3, -4, 5, 6, 99}, {4, 8});
  CHECK(found.y == std::vector<float>{0.5f, 4.5f});
  CHECK(found.dx == std::vector<float>{1, 1, 2, 2, 0, 1, 1, 2, 2, 0});
  const Through overlapping =
      pass_through("[{type = 'avg_pool', size = 2, stride = 1}]", {1, 2, 3}, {1, 2, 3, 5, 6, 7}, {4, 40});
  CHECK(overlapping.y == std::vector<float>{3.5f, 4.5f});
  CHECK(overlapping.dx == std::vector<float>{1, 11, 10, 1, 11, 10});
}

TEST_CASE("global pooling: of a channel") {
  const std::vector<float> images = {1, 2, 7, -2, -8, -6, -3, -3};
  const Through mean = pass_through("['global_avg_pool']", {2, 2, 2}, images, {4, 8});
  CHECK(mean.y == std::vector<float>{2, -5});
  CHECK(mean.dx == std::vector<float>{1, 1, 1, 1, 2, 2, 2, 2});
  const Through largest = pass_through("['global_max_pool']", {2, 2, 2}, images, {4, 8});
  CHECK(largest.y == std::vector<float>{7, -3});
  CHECK(largest.dx == std::vector<float>{0, 0, 4, 0, 0, 0, 8, 0});  // the first of equals
}

TEST_CASE("pooling: slopes, in plain and blocked layouts, and the same bits for any number of threads") {
  for (auto tag : {memory::format_tag::nchw, memory::format_tag::nChw16c}) {
    check_layer("['avg_pool']", {3, 5, 4}, {.tag = tag});
    check_layer("[{type = 'avg_pool', size = 3, stride = 2}]", {17, 5, 6}, {.tag = tag});
    check_layer("['global_avg_pool']", {3, 4, 5}, {.tag = tag});
    check_layer("['global_max_pool']", {1, 2, 2}, {.tag = tag}, 1.0);  // a kink where the largest changes
  }
}
