#include <doctest/doctest.h>

#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("the layer that does not fit is named") {
  CHECK_THROWS_WITH_AS(output_shape(layers_from("[{type = 'max_pool'}, {type = 'max_pool'}]"), {1, 3, 3}),
                       "layer 1 (max_pool): a 2x2 window does not fit into 1x1x1", Error);
}

TEST_CASE("a layer inside of another is named with its way there") {
  try {
    output_shape(layers_from("['relu', {type = 'residual', layers = ['relu', 'relu', {type = 'residual', "
                             "layers = [{type = 'max_pool', size = 9}]}]}]"),
                 {1, 3, 3});
    FAIL("nothing thrown");
  } catch (const LayerError& error) {
    CHECK(std::string(error.what()) ==
          "layer 1 (residual): layer 2 (residual): layer 0 (max_pool): a 9x9 window does not fit into 1x3x3");
    CHECK(error.layer == std::vector<std::size_t>{1, 2, 0});
    CHECK(error.place("layer") == std::vector<Checking::Step>{"layer", std::size_t{1}, "layers",
                                                              std::size_t{2}, "layers", std::size_t{0}});
  }
}

TEST_CASE("relu before max_pool or after it: the same values and gradients, bit for bit") {
  // The plan moves a ReLU behind the pooling that follows it.
  std::vector<float> pixels(2 * 36), weights(16 * 9);
  Random random(1, 0, 0);
  for (float& pixel : pixels) pixel = static_cast<float>(random.normal());
  for (float& weight : weights) weight = static_cast<float>(random.normal());
  Embeddings upstream(2, 16 * 9);
  for (float& value : upstream.values) value = static_cast<float>(random.normal());
  const Images images = images_of_values(2, {1, 6, 6}, pixels);
  const auto run = [&](const std::string& rest) {
    Network network = network_of("[{type = 'conv', filters = 16, bias = false}, " + rest + "]", {1, 6, 6},
                                 {{"0.conv.weight", weights}});
    std::vector<float> all = network.forward(images).values;
    network.backward(upstream);
    const std::vector<float> gradient = gradient_of(network, "0.conv.weight");
    all.insert(all.end(), gradient.begin(), gradient.end());
    return all;
  };
  CHECK(run("{type = 'relu'}, {type = 'max_pool'}") == run("{type = 'max_pool'}, {type = 'relu'}"));
}

TEST_CASE("two layers of one name, and names that could be taken for something else, are refused") {
  const auto says = [](const std::string& toml) {
    try {
      check_names(layers_from(toml));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto named = [](const std::string& name) { return "{type = 'batch_norm', name = '" + name + "'}"; };
  CHECK(says("[" + named("a") + ", 'relu', " + named("b-2_C") + "]").empty());
  CHECK(says("[" + named("a") + ", 'relu', " + named("a") + "]") == "layers 0 and 2 are both called \"a\"");
  for (const std::string name : {"2.batch_norm", "a.b", "a.", ".", "2", "-a", "a b", "ä"})
    CHECK(says("['relu', " + named(name) + "]") ==
          "layer 1 (batch_norm) cannot be called \"" + name +
              "\": a name has letters, digits, _ and -, and begins with a letter");
  CHECK(says("[" + named("distance") + "]") ==
        "layer 0 (batch_norm) cannot be called \"distance\": other weights are called so");
  // Inside a residual the same name means another tensor; but its lists have rules of their own.
  CHECK(says("[" + named("a") + ", {type = 'residual', layers = [" + named("a") + "]}]").empty());
  CHECK_THROWS_WITH_AS(
      layers_from("[{type = 'residual', layers = [" + named("a") + ", " + named("a") + "]}]"),
      doctest::Contains("layers 0 and 1 are both called \"a\""), Error);
  CHECK_THROWS_WITH_AS(layers_from("[{type = 'residual', layers = [" + named("shortcut") + "]}]"),
                       doctest::Contains("other weights are called so"), Error);
  CHECK_THROWS_WITH_AS(
      layers_from("[{type = 'residual', layers = ['relu'], shortcut = [" + named("1") + "]}]"),
      doctest::Contains("test.toml:1:60: error: layer 0 (batch_norm) cannot be called \"1\""), Error);
  CHECK_THROWS_WITH_AS(Network(layers_from("[" + named("a") + ", " + named("a") + "]"), {1, 2, 2},
                               Precision::f32, Mode::inference),
                       "layers 0 and 1 are both called \"a\"", Error);
}

TEST_CASE("a layer of its own name keeps it when others come and go before it") {
  const Network network = network_of(
      "['relu', {type = 'dense', units = 2, name = 'head'}, {type = 'dense', units = 2}]", {1, 1, 1});
  CHECK(network.weights().tensors.contains("head.weight"));
  CHECK(network.weights().tensors.contains("2.dense.weight"));
}
