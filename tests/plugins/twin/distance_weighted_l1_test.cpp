#include "components.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("weighted_l1 agrees with PyTorch and with finite differences") { check_distance("weighted_l1"); }

TEST_CASE("weighted_l1 by hand") {
  const auto distance = component<Distance>("type = \"weighted_l1\"");
  CHECK(distance->weight_count(4096) == 4097);
  CHECK(distance->gives_logits());
  const Embeddings e = rows({{1, 2, 5}, {3, 1, 5}});
  const std::vector<float> weights = {0.5f, -2, 7, 0.25f};  // the last is the bias
  // 0.5 * 2 - 2 * 1 + 7 * 0 + 0.25
  CHECK(distances(*distance, e, {{0, 1}}, weights) == std::vector<float>{-0.75f});
  const auto found = gradients(*distance, e, {{0, 1}}, {2.0f}, weights);
  CHECK(found.e.values == std::vector<float>{-1, -4, 0, 1, 4, 0});
  CHECK(found.weights == std::vector<float>{4, 2, 0, 2});
}

TEST_CASE("weighted_l1 starts from Koch's distributions") {
  const auto moments = [](const std::string& toml) {
    const auto distance = component<Distance>("type = \"weighted_l1\"\n" + toml);
    // Many biases, one a stream; the weights of one stream are enough.
    double bias_sum = 0, bias_squares = 0, sum = 0, squares = 0;
    const int streams = 400;
    std::vector<float> weights(20001);
    for (int i = 0; i < streams; ++i) {
      Random random(17, 0, static_cast<std::uint64_t>(i));
      const std::span<float> some = i == 0 ? std::span<float>(weights) : std::span<float>(weights).last(2);
      distance->initialise(some, random);
      bias_sum += static_cast<double>(weights.back());
      bias_squares += static_cast<double>(weights.back()) * static_cast<double>(weights.back());
      if (i > 0) continue;
      for (std::size_t k = 0; k < 20000; ++k) {
        sum += static_cast<double>(weights[k]);
        squares += static_cast<double>(weights[k]) * static_cast<double>(weights[k]);
      }
    }
    const double bias = bias_sum / streams;
    return std::array{sum / 20000, std::sqrt(squares / 20000), bias,
                      std::sqrt(bias_squares / streams - bias * bias)};
  };
  // Standard errors: deviation / sqrt(count) of a mean, deviation / sqrt(2 count) of a deviation; five of
  // them allowed.
  const auto koch = moments("");
  CHECK(std::abs(koch[0]) < 5 * 0.2 / std::sqrt(20000));
  CHECK(std::abs(koch[1] - 0.2) < 5 * 0.2 / std::sqrt(40000));
  CHECK(std::abs(koch[2] - 0.5) < 5 * 0.01 / std::sqrt(400));
  CHECK(std::abs(koch[3] - 0.01) < 5 * 0.01 / std::sqrt(800));
  const auto own = moments(
      "weight_init = {type = \"normal\", std = 0.05}\nbias_init = {type = \"constant\", value = -2.0}");
  CHECK(std::abs(own[1] - 0.05) < 5 * 0.05 / std::sqrt(40000));
  CHECK(own[2] == -2.0);
}

TEST_CASE("weighted_l1 refuses a negative deviation") {
  CHECK(problem_of<Distance>("type = \"weighted_l1\"\nweight_init = {type = \"normal\", std = -0.1}") ==
        "'std' is -0.1, out of range: at least 0");
}
