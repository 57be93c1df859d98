#include "plugins/twin/presets.h"

#include <doctest/doctest.h>

#include "graph_file.h"
#include "plugins/twin/network.h"
#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

std::size_t trained_numbers(const Layers& layers, Shape image) {
  Network network(layers, image, Precision::f32, Mode::inference);
  std::size_t count = 0;
  for (const auto& [name, tensor] : network.weights().tensors)
    if (name.find("running") == std::string::npos) count += tensor.values.size();
  return count;
}

}  // namespace

TEST_CASE("presets have the shapes and the number of weights that they should") {
  // conv4: 64*9 + 3 * 64*64*9 weights, 4 * 2 * 64 of batch_norm; 64 x 3 x 3 outputs.
  CHECK(output_shape(preset("conv4"), {1, 52, 52}) == Shape{576, 1, 1});
  CHECK(trained_numbers(preset("conv4"), {1, 52, 52}) == 576 + 3 * 36864 + 512);
  // residual: by hand, for each block 9ab + 9bb + ab + b (shortcut bias) + 4b.
  CHECK(output_shape(preset("residual"), {1, 52, 52}) == Shape{256, 1, 1});
  const auto block = [](std::size_t a, std::size_t b) { return 9 * a * b + 9 * b * b + a * b + b + 4 * b; };
  CHECK(trained_numbers(preset("residual"), {1, 52, 52}) ==
        288 + 64 + block(32, 64) + block(64, 128) + block(128, 256) + 256 * 2304 + 256);
  // Koch 2015: 38,947,648 weights below the distance; 9216 inputs of the dense layer at 105x105.
  const Layers koch = preset("koch2015");
  CHECK(output_shape(koch, {1, 105, 105}) == Shape{4096, 1, 1});
  CHECK(output_shape(Layers(koch.begin(), koch.end() - 2), {1, 105, 105}) == Shape{256, 6, 6});
  CHECK(trained_numbers(koch, {1, 105, 105}) == 38947648);
}

TEST_CASE("changes to a preset") {
  const auto changed = [](const std::string& toml) {
    Problems problems;
    const Value table = parse_toml("network = " + toml, "test.toml", "", problems);
    std::shared_ptr<const Preset> made;
    ParamType<std::shared_ptr<const Preset>>::read(*table.find("network"), made, problems);
    REQUIRE(problems.empty());
    return made->layers();
  };
  const auto types = [](const Layers& layers) {
    std::string all;
    for (const auto& layer : layers) all += (all.empty() ? "" : " ") + layer->type;
    return all;
  };
  const Layers conv4 =
      changed("{ type = 'conv4', filters = 32, blocks = 2, embedding = 128, dropout = 0.2 }");
  CHECK(types(conv4) ==
        "conv batch_norm relu max_pool dropout conv batch_norm relu max_pool dropout dense l2_normalize");
  CHECK(output_shape(conv4, {1, 52, 52}) == Shape{128, 1, 1});
  CHECK(trained_numbers(conv4, {1, 52, 52}) == 288 + 32 * 288 + 4 * 32 + 128 * 32 * 13 * 13 + 128);
  CHECK(types(changed("{ type = 'residual', filters = 8, blocks = 1, embedding = 16, dropout = 0.5 }")) ==
        "conv batch_norm relu max_pool dropout residual max_pool dropout dense l2_normalize");
  CHECK(output_shape(changed("{ type = 'residual', filters = 8, blocks = 2, embedding = 16 }"),
                     {1, 52, 52}) == Shape{16, 1, 1});
  CHECK(types(changed("{ type = 'koch2015', embedding = 16, dropout = 0.5 }")) ==
        "conv relu max_pool dropout conv relu max_pool dropout conv relu max_pool dropout conv relu dropout "
        "dense sigmoid");
  CHECK(output_shape(changed("{ type = 'koch2015', embedding = 16 }"), {1, 105, 105}) == Shape{16, 1, 1});
  CHECK(types(changed("{ type = 'mlp', hidden = [9, 8, 7], embedding = 6, dropout = 0.1 }")) ==
        "dense relu dropout dense relu dropout dense relu dropout dense l2_normalize");
  const Layers mlp = changed("'mlp'");
  CHECK(types(mlp) == "dense relu dense relu dense l2_normalize");
  CHECK(trained_numbers(mlp, {1, 10, 10}) == 100 * 256 + 256 + 256 * 128 + 128 + 128 * 64 + 64);
}

TEST_CASE("an unknown preset is named with its nearest neighbour") {
  CHECK_THROWS_WITH_AS(preset("conv5"),
                       doctest::Contains("there is no network 'conv5'; did you mean 'conv4'?"), Error);
}
