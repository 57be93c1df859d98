#include "plugins/twin/buffer.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <new>

#include "plugins/twin/engine.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("a buffer that could not grow is empty, and can be used again") {
  Buffer buffer;
  buffer.need(100);
  volatile std::size_t too_much = SIZE_MAX / 2;  // or the compiler sees it
  CHECK_THROWS_AS(buffer.need(too_much), std::bad_alloc);
  CHECK(buffer.size() == 0);
  CHECK(buffer.data() == nullptr);
  too_much = SIZE_MAX - 5;
  CHECK_THROWS_AS(buffer.need(too_much), std::bad_alloc);  // does not wrap around
  buffer.need(64);
  REQUIRE(buffer.data() != nullptr);
  buffer.data()[63] = std::byte{1};
}

TEST_CASE("buffers that are only counted take no memory") {
  Buffer counted;
  {
    const CountOnly counting;
    counted.need(std::size_t{1} << 60);
    CHECK(counted.data() == nullptr);
    CHECK(counted.size() == std::size_t{1} << 60);
    const CountOnly inner;
  }
  Buffer real;
  real.need(64);
  CHECK(real.data() != nullptr);
}

TEST_CASE("memory that runs out is told of in one way, also by oneDNN") {
  const auto what = [] { return "a test"; };
  CHECK_THROWS_WITH_AS(twin::with_memory_for(what, []() -> int { throw std::bad_alloc(); }),
                       "there is not enough memory for a test", OutOfMemory);
  CHECK_THROWS_WITH_AS(
      twin::with_memory_for(what, []() -> int { throw dnnl::error(dnnl_out_of_memory, "could not"); }),
      "there is not enough memory for a test", OutOfMemory);
  CHECK_THROWS_AS(
      twin::with_memory_for(what, []() -> int { throw dnnl::error(dnnl_invalid_arguments, "could not"); }),
      dnnl::error);
  CHECK(twin::with_memory_for(what, [] { return 7; }) == 7);
}
