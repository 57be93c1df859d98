#include "plugins/twin/network.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "layers_from.h"
#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// The largest difference, as a part of the largest magnitude.
double apart(const std::vector<float>& ours, const std::vector<float>& theirs) {
  REQUIRE(ours.size() == theirs.size());
  double difference = 0.0, magnitude = 1e-6;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(ours[i]) - theirs[i]));
    magnitude = std::max(magnitude, std::abs(static_cast<double>(theirs[i])));
  }
  return difference / magnitude;
}

struct Case {
  Layers layers;
  Shape shape;
  std::size_t shard;
  Images images;
  NamedTensors weights;
  Embeddings upstream;
};

Case read_case(const nlohmann::json& one) {
  Case made;
  made.layers = layers_from(one["layers"].get<std::string>());
  made.shape = {one["image"][0], one["image"][1], one["image"][2]};
  made.shard = one["shard"];
  made.images = Images(one["count"], made.shape.channels, made.shape.height, made.shape.width);
  const std::vector<float> pixels = one["images"];
  made.images.pixels.assign(pixels.begin(), pixels.end());
  for (const auto& [name, tensor] : one["weights"].items())
    made.weights.tensors[name] = {tensor["shape"], tensor["values"]};
  for (const auto& [name, values] : one["running"].items()) {  // where the averages start
    const bool variance = name.ends_with("running_var");
    made.weights.tensors[name] = {{static_cast<std::int64_t>(values.size())},
                                  std::vector<float>(values.size(), variance ? 1.0f : 0.0f)};
  }
  made.upstream = Embeddings(one["count"], one["output"].size() / one["count"].get<std::size_t>());
  made.upstream.values = one["upstream"].get<std::vector<float>>();
  return made;
}

nlohmann::json reference() {
  std::ifstream file(TWINFLOW_SOURCE_DIR "/tests/plugins/twin/network_reference.json");
  return nlohmann::json::parse(file);
}

/// PyTorch computed in float64. A tolerance is a part of the largest value of the tensor.
void compare(const nlohmann::json& one, Precision precision, double output_tolerance,
             double gradient_tolerance) {
  CAPTURE(one["name"].get<std::string>());
  const Case made = read_case(one);
  Network network(made.layers, made.shape, precision, Mode::training, made.shard);
  network.load(made.weights);
  const Embeddings& out = network.forward(made.images);
  CHECK(apart(out.values, one["output"].get<std::vector<float>>()) < output_tolerance);
  network.backward(made.upstream);
  const NamedTensors gradients = network.gradients();
  CHECK(gradients.tensors.size() == one["gradients"].size());
  double ours_theirs = 0.0, ours_ours = 0.0, theirs_theirs = 0.0;
  for (const auto& [name, values] : one["gradients"].items()) {
    CAPTURE(name);
    REQUIRE(gradients.tensors.contains(name));
    const auto& ours = gradients.tensors.at(name);
    const auto theirs = values.get<std::vector<float>>();
    CHECK(ours.shape == made.weights.tensors.at(name).shape);
    if (precision == Precision::f32) CHECK(apart(ours.values, theirs) < gradient_tolerance);
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      ours_theirs += static_cast<double>(ours.values[i]) * theirs[i];
      ours_ours += static_cast<double>(ours.values[i]) * ours.values[i];
      theirs_theirs += static_cast<double>(theirs[i]) * theirs[i];
    }
  }
  CHECK(1.0 - ours_theirs / std::sqrt(ours_ours * theirs_theirs) < gradient_tolerance);
  CHECK(ours_ours == doctest::Approx(theirs_theirs).epsilon(4.0 * gradient_tolerance));
  network.keep_statistics([](const std::string&) { return true; });
  const NamedTensors after = network.weights();
  for (const auto& [name, values] : one["running"].items()) {
    CAPTURE(name);
    CHECK(apart(after.tensors.at(name).values, values.get<std::vector<float>>()) < output_tolerance);
  }
}

/// Central differences of sum(upstream * output) along a random direction in all weights at once. No kinks
/// but a residual's ReLU. The loss is added up in double from f32 outputs good to 1e-6; with a step of 3e-3
/// the quotient is good to 2e-4, and the third derivative adds as much, hence 1e-3.
void check_slope(const Layers& layers) {
  Network network(layers, {1, 5, 5}, Precision::f32, Mode::training, 4);
  network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
    return Random(stream_key(5, "n", name), a, b);
  });
  Images images(8, 1, 5, 5);
  Random random(4, 0, 0);
  for (float& pixel : images.pixels) pixel = static_cast<float>(random.uniform());
  Embeddings upstream(8, 5);
  for (float& value : upstream.values) value = static_cast<float>(random.normal());
  const auto loss = [&](const NamedTensors& weights) {
    network.load(weights);
    const Embeddings& out = network.forward(images);
    double sum = 0.0;
    for (std::size_t i = 0; i < out.values.size(); ++i)
      sum += static_cast<double>(out.values[i]) * upstream.values[i];
    return sum;
  };
  const NamedTensors start = network.weights();
  loss(start);
  network.backward(upstream);
  const NamedTensors gradients = network.gradients();
  for (int trial = 0; trial < 5; ++trial) {
    NamedTensors up = start, down = start;
    double expected = 0.0;
    constexpr double step = 3e-3;
    for (const auto& [name, gradient] : gradients.tensors) {
      for (std::size_t i = 0; i < gradient.values.size(); ++i) {
        const double along = random.normal() / std::sqrt(static_cast<double>(gradient.values.size()));
        up.tensors[name].values[i] += static_cast<float>(step * along);
        down.tensors[name].values[i] -= static_cast<float>(step * along);
        expected += along * gradient.values[i];
      }
    }
    CHECK((loss(up) - loss(down)) / (2 * step) == doctest::Approx(expected).epsilon(1e-3).scale(1.0));
  }
}

}  // namespace

TEST_CASE("f32 agrees with PyTorch in outputs, gradients and moving averages") {
  // f32 has 1.2e-7 to the bit; sums of some hundred terms, and division by small variances, cost two digits.
  for (const auto& one : reference()) compare(one, Precision::f32, 1e-5, 5e-5);
}

TEST_CASE("bf16 agrees with PyTorch as far as 8 bits go") {
  if (resolve(Precision::automatic) != Precision::bf16) return;
  // bf16 keeps 8 bits, 0.4 % for each rounding, and a value near 0 may change its side of a ReLU: single
  // numbers of a gradient are off by up to half of the largest (PyTorch with the same roundings is too). So
  // gradients are compared by the angle of all of them, 1 - cosine, and by their length.
  for (const auto& one : reference()) compare(one, Precision::bf16, 0.04, 0.05);
}

TEST_CASE("weights come back as they were loaded, whatever the layout inside") {
  for (const auto& one : reference()) {
    const Case made = read_case(one);
    for (Mode mode : {Mode::training, Mode::inference}) {
      Network network(made.layers, made.shape, Precision::f32, mode, made.shard);
      network.load(made.weights);
      const NamedTensors back = network.weights();
      REQUIRE(back.tensors.size() == made.weights.tensors.size());
      for (const auto& [name, tensor] : made.weights.tensors) {
        CHECK(back.tensors.at(name).shape == tensor.shape);
        CHECK(back.tensors.at(name).values == tensor.values);
      }
    }
  }
}

TEST_CASE("batch sizes may change from call to call; an image's embedding in inference is its own") {
  const Layers layers = layers_from(
      "[{type = 'conv', filters = 16}, {type = 'batch_norm'}, {type = 'relu'}, {type = 'max_pool'},"
      " {type = 'dense', units = 70}, {type = 'l2_normalize'}]");
  Network network(layers, {1, 8, 8}, Precision::f32, Mode::inference, 4);
  network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
    return Random(stream_key(1, "n", name), a, b);
  });
  Images images(11, 1, 8, 8);
  Random random(3, 0, 0);
  for (float& pixel : images.pixels) pixel = static_cast<float>(random.uniform());
  const Embeddings all = network.forward(images);
  for (std::size_t count : {1u, 5u, 11u, 2u}) {
    Images some(count, 1, 8, 8);
    std::copy_n(images.image(11 - count), some.pixels.size(), some.pixels.data());
    const Embeddings& made = network.forward(some);
    REQUIRE(made.count == count);
    for (std::size_t i = 0; i < made.values.size(); ++i)
      CHECK(made.values[i] == doctest::Approx(all.row(11 - count)[i]).epsilon(1e-5));
  }
}

TEST_CASE("the gradient is the slope of the loss") {
  const std::string plain =
      "[{type = 'conv', filters = 16}, {type = 'sigmoid'}, {type = 'residual', layers = [{type = 'conv', "
      "filters = 32}, {type = 'batch_norm'}]}, {type = 'dense', units = 9}, {type = 'sigmoid'}, {type = "
      "'dense', units = 5}, {type = 'l2_normalize'}]";
  const std::string rich =
      "[{type = 'conv', filters = 16}, 'gelu', {type = 'conv', filters = 16, groups = 16, dilation = 2}, "
      "'layer_norm', 'swish', {type = 'avg_pool', stride = 1}, {type = 'residual', layers = ['layer_norm', "
      "'mish'], shortcut = [{type = 'conv', filters = 16, groups = 2}, 'softplus']}, 'global_avg_pool', "
      "{type = 'dropout', rate = 0.2}, {type = 'dense', units = 9}, 'layer_norm', 'tanh', {type = 'dense', "
      "units = 5}]";
  for (const std::string& toml : {plain, rich}) check_slope(layers_from(toml));
}

TEST_CASE("what does not fit is said in a sentence") {
  const Layers layers = layers_from("[{type = 'conv', filters = 8, size = 5, padding = 'valid'}]");
  CHECK_THROWS_WITH_AS(
      Network(layers, {1, 4, 9}, Precision::f32, Mode::training),
      "layer 0 (conv): a 5x5 convolution does not fit into 1x4x9; use padding = \"same\", a smaller size or "
      "larger images",
      Error);
  CHECK_THROWS_WITH_AS(Network({}, {1, 4, 4}, Precision::f32, Mode::training),
                       "a network needs at least one layer", Error);
  Network network(layers, {1, 6, 6}, Precision::f32, Mode::training);
  CHECK_THROWS_WITH_AS(
      network.forward(Images(2, 1, 6, 7)),
      "the network was built for images of 1x6x6, but these are 1x6x7; read them with size = 6", Error);
  NamedTensors weights = network.weights();
  weights.tensors["0.conv.weight"].shape = {8, 1, 3, 3};
  CHECK_THROWS_WITH_AS(network.load(weights),
                       "tensor \"0.conv.weight\" is 8x1x3x3 in the weights, but the network's is 8x1x5x5",
                       Error);
  weights.tensors.erase("0.conv.weight");
  CHECK_THROWS_WITH_AS(network.load(weights), "the weights have no tensor \"0.conv.weight\"", Error);
}
