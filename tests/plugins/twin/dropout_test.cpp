#include <doctest/doctest.h>

#include <cmath>

#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

const std::string third = "[{type = 'dropout', rate = 0.3}]";
const Shape shape{10, 30, 30};
constexpr std::size_t count = 9;

Through drop(const Setting& setting, const std::string& toml = third) {
  const std::vector<float> ones(count * shape.size(), 1.0f);
  return pass_through(toml, shape, ones, ones, setting);
}

}  // namespace

TEST_CASE("dropout: 0 with the probability asked for, else scaled so that the mean stays") {
  const std::vector<float> y = drop({}).y;
  const float scaled = 1.0f / 0.7f;
  std::size_t dropped = 0, pairs = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    REQUIRE((y[i] == 0.0f || y[i] == scaled));
    dropped += y[i] == 0.0f;
    pairs += i > 0 && y[i] == 0.0f && y[i - 1] == 0.0f;
  }
  const auto n = static_cast<double>(y.size());  // four standard errors; neighbours are independent
  CHECK(std::abs(static_cast<double>(dropped) - 0.3 * n) < 4 * std::sqrt(n * 0.3 * 0.7));
  CHECK(std::abs(static_cast<double>(pairs) - 0.09 * n) < 4 * std::sqrt(n * 0.09 * 0.91) * 1.5);
  // The same place of two images: dropped in both with probability 0.09.
  std::size_t both = 0;
  for (std::size_t k = 0; k < shape.size(); ++k) both += y[k] == 0.0f && y[shape.size() + k] == 0.0f;
  const auto places = static_cast<double>(shape.size());
  CHECK(std::abs(static_cast<double>(both) - 0.09 * places) < 4 * std::sqrt(places * 0.09 * 0.91));
}

TEST_CASE("dropout: the gradient goes where the value went") {
  const Through found = drop({});
  CHECK(found.y == found.dx);  // of ones, both
}

TEST_CASE("dropout: the mask is of the layer's name, the update and the image's number, and nothing else") {
  const std::vector<float> y = drop({}).y;
  CHECK(drop({.shard = 2}).y == y);
  CHECK(drop({.shard = 16, .threads = 8}).y == y);
  CHECK(drop({.threads = 2}).y == y);
  CHECK(drop({.pass = {.update = 1}}).y != y);
  CHECK(drop({}, "[{type = 'dropout', rate = 0.3, name = 'other'}]").y != y);
  // The rest of a batch in a part of its own.
  const std::vector<float> ones(2 * shape.size(), 1.0f);
  const Through part = pass_through(third, shape, ones, ones, {.pass = {.first_image = 7}});
  CHECK(std::equal(part.y.begin(), part.y.end(), y.end() - 2 * static_cast<std::ptrdiff_t>(shape.size())));
}

TEST_CASE("dropout in bf16 and in a blocked layout") {
  if (resolve(Precision::automatic) != Precision::bf16) return;
  const Through found = drop({.type = memory::data_type::bf16, .tag = memory::format_tag::nChw16c});
  const float scaled = 1.4296875f;  // 1 / 0.7 to 8 bits
  double kept = 0.0;
  for (const float one : found.y) {
    REQUIRE((one == 0.0f || one == scaled));
    kept += one > 0.0f;
  }
  CHECK(found.dx == found.y);
  const auto n = static_cast<double>(found.y.size());
  CHECK(std::abs(kept - 0.7 * n) < 4 * std::sqrt(n * 0.3 * 0.7));
}

TEST_CASE("dropout changes nothing outside training, at rate 0, and in what a network has to learn") {
  CHECK(drop({.training = false}).y == std::vector<float>(count * shape.size(), 1.0f));
  CHECK(drop({}, "[{type = 'dropout', rate = 0.0}]").y == std::vector<float>(count * shape.size(), 1.0f));
  Network network = network_of("['dropout', {type = 'dense', units = 3}]", {1, 2, 2});
  CHECK(network.weights().tensors.size() == 2);
  CHECK_THROWS_WITH_AS(layers_from("[{type = 'dropout', rate = 1.0}]"),
                       doctest::Contains("'rate' is 1, out of range: 0 to 0.99"), Error);
}

TEST_CASE("dropout: slopes, between layers that keep what they read") {
  check_layer("['tanh', 'dropout', 'sigmoid', {type = 'dropout', rate = 0.2}, 'gelu']", {3, 4, 5});
}

TEST_CASE("dropout in a network: another mask for each update, the same for the same") {
  Network network = network_of("[{type = 'dropout'}, 'l2_normalize']", {1, 8, 8});
  network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
    return Random(stream_key(1, "n", name), a, b);
  });
  const Images images = images_of_values(2, {1, 8, 8}, std::vector<float>(128, 1.0f));
  const std::vector<float> first = network.forward(images, {3, 0}).values;
  CHECK(network.forward(images, {4, 0}).values != first);
  CHECK(network.forward(images, {3, 0}).values == first);
  CHECK(std::vector<float>(first.begin(), first.begin() + 64) !=
        std::vector<float>(first.begin() + 64, first.end()));
}
