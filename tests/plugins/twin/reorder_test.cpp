#include "plugins/twin/reorder.h"

#include <doctest/doctest.h>

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("another layout and back is the same; through bf16 it is rounded") {
  using tag = memory::format_tag;
  using type = memory::data_type;
  for (type inner : {type::f32, type::bf16}) {
    Program program({20, 2, 1}, inner, false, 4);  // 20 channels: nChw16c pads them to 32
    const int there = program.as(program.image(), inner, tag::nChw16c);
    CHECK(program.as(there, inner, tag::nChw16c) == there);  // nothing to do
    program.settle(program.as(there, type::f32, tag::nchw));
    std::vector<float> images(80);
    for (std::size_t i = 0; i < images.size(); ++i) images[i] = 1.0f + static_cast<float>(i) / 256.0f;
    program.forward(images.data(), 2);
    CHECK(program.output()[79] == (inner == type::f32 ? 1.0f + 79.0f / 256 : 1.0f + 80.0f / 256));
    CHECK(program.output()[2] == 1.0f + 2.0f / 256);
  }
}
