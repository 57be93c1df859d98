#include "plugins/twin/loops.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("bf16 is the nearest, ties to even") {
  CHECK(from_bf16(to_bf16(1.0f)) == 1.0f);
  CHECK(from_bf16(to_bf16(1.0f + 1.0f / 256)) == 1.0f);                // halfway: to the even 1
  CHECK(from_bf16(to_bf16(1.0f + 3.0f / 256)) == 1.0f + 4.0f / 256);   // halfway: to the even 1 + 2/128
  CHECK(from_bf16(to_bf16(1.0f + 1.01f / 256)) == 1.0f + 2.0f / 256);  // just above
  CHECK(from_bf16(to_bf16(-3.14159f)) == -3.140625f);
  CHECK(from_bf16(to_bf16(std::numeric_limits<float>::infinity())) == std::numeric_limits<float>::infinity());
  const float none = from_bf16(to_bf16(std::numeric_limits<float>::quiet_NaN()));
  CHECK(none != none);
}

TEST_CASE("sums are taken in the order given") {
  // In f32, (1e8 + 1) - 1e8 = 0 but (1e8 - 1e8) + 1 = 1.
  const std::vector<float> big(3000, 1e8f), one(3000, 1.0f), minus(3000, -1e8f);
  std::vector<float> sum(3000, 7.0f);
  const float* first[] = {big.data(), one.data(), minus.data()};
  sum_in_order(sum.data(), first, 3, 10, 2990);
  CHECK(sum[9] == 7.0f);
  CHECK(sum[10] == 0.0f);
  CHECK(sum[2989] == 0.0f);
  CHECK(sum[2990] == 7.0f);
  const float* second[] = {big.data(), minus.data(), one.data()};
  std::vector<std::uint16_t> rounded(3000, 0);
  sum_in_order(rounded.data(), second, 3, 0, 3000);
  CHECK(from_bf16(rounded[0]) == 1.0f);
  CHECK(from_bf16(rounded[2999]) == 1.0f);
}

TEST_CASE("ranges cover everything once") {
  std::vector<int> seen(1000, 0);
  parallel_ranges(seen.size(), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) ++seen[i];
  });
  CHECK(seen == std::vector<int>(1000, 1));
}
