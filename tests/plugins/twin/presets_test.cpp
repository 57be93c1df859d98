#include "plugins/twin/presets.h"

#include <doctest/doctest.h>

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

TEST_CASE("an unknown preset is named with its nearest neighbour") {
  CHECK_THROWS_WITH_AS(
      preset("conv5"),
      "there is no network \"conv5\"; did you mean 'conv4'? (known: conv4, residual, koch2015)", Error);
}
