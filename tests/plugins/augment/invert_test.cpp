#include "augmenting.h"

using namespace augmenting;

TEST_CASE("augment.invert: 1 - x") {
  const Images out =
      augmented("augment.invert", "", with_pixels(Images(2, 2, 1, 1), {0.0f, 0.25f, 0.5f, 1.0f}));
  CHECK(out.pixels == Pixels{1.0f, 0.75f, 0.5f, 0.0f});
}

TEST_CASE("augment.invert happens with its probability") {
  check_probability("augment.invert", "probability = 0.3", 0.3);
  check_probability("augment.invert", "probability = 0", 0);
}

TEST_CASE("augment.invert: the coins of twins are independent, unless they are to be the same") {
  const auto coins = [](const std::string& toml) {
    testing::Bench bench("augment.invert", toml);
    const PairBatch out = bench.apply<PairBatch>(
        PairBatch{filled(Images(8000, 1, 1, 1), 0), std::vector<std::uint8_t>(4000), 0});
    const std::vector<double> all(out.images.pixels.begin(), out.images.pixels.end());
    return std::pair(std::vector(all.begin(), all.begin() + 4000),
                     std::vector(all.begin() + 4000, all.end()));
  };
  const auto [left, right] = coins("probability = 0.5");
  check_independent(left, right);
  const auto [first, second] = coins("probability = 0.5\nsame_for_both = true");
  CHECK(first == second);
  check_mean(first, 0.5, 0.5);
}

TEST_CASE("augment.invert refuses what is no probability") {
  CHECK(refusal("augment.invert", "probability = 1.5").find("'probability' is 1.5, out of range: 0 to 1") !=
        std::string::npos);
}
