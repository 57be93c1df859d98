#include "plugins/twin/elementwise.h"

#include <doctest/doctest.h>

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("a sum adds, and max(a + b, 0) with relu") {
  for (bool relu : {false, true}) {
    Program program({1, 1, 2}, memory::data_type::f32, false, 4);
    const auto [a, b] = add_fork(program, program.image());
    program.settle(add_sum(program, a, b, relu));
    const std::vector<float> images{-3, 4};
    program.forward(images.data(), 1);
    CHECK(program.output()[0] == (relu ? 0.0f : -6.0f));
    CHECK(program.output()[1] == 8.0f);
  }
}
