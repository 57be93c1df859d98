#include <doctest/doctest.h>

#include "layers_from.h"
#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

const char* const layers =
    "[{type = 'conv', filters = 1, size = 1, bias = false},"
    " {type = 'batch_norm', momentum = 0.75, epsilon = 0.0}]";
const std::vector<std::pair<std::string, std::vector<float>>> weights = {
    {"0.conv.weight", {1.0f}},
    {"1.batch_norm.weight", {3.0f}},
    {"1.batch_norm.bias", {10.0f}},
    {"1.batch_norm.running_mean", {0}},
    {"1.batch_norm.running_var", {1.0f}}};

void check_values(const std::vector<float>& found, const std::vector<float>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-5));
}

}  // namespace

TEST_CASE("training normalises with the shard's own mean and biased variance") {
  // Shards {1, 3} and {10, 14}: means 2 and 12, variances 1 and 4.
  Network network = network_of(layers, {1, 1, 1}, weights, 2);
  check_values(network.forward(images_of_values(4, {1, 1, 1}, {1, 3, 10, 14})).values, {7, 13, 7, 13});
  // moving = 0.75 * moving + 0.25 * mean of the shards' statistics: 0.25 * 7, and 0.75 + 0.25 * 2.5.
  network.keep_statistics([](const std::string&) { return true; });
  check_values(weight_of(network, "1.batch_norm.running_mean"), {1.75f});
  check_values(weight_of(network, "1.batch_norm.running_var"), {1.375f});
}

TEST_CASE("inference normalises with the moving averages") {
  Network trained = network_of(layers, {1, 1, 1}, weights, 2);
  NamedTensors given = trained.weights();
  given.tensors.at("1.batch_norm.running_mean").values = {5};
  given.tensors.at("1.batch_norm.running_var").values = {4};
  Network network(layers_from(layers), {1, 1, 1}, Precision::f32, Mode::inference);
  network.load(given);
  check_values(network.forward(images_of_values(2, {1, 1, 1}, {5, 9})).values, {10, 16});
  CHECK(weight_of(network, "1.batch_norm.running_mean") == std::vector<float>{5});  // unchanged
}

TEST_CASE("fused with sum, ReLU and pooling it is the same as apart, whatever channels and sides") {
  // `linear` does nothing, but what stands before it is not fused with what comes behind.
  const auto run = [](const std::string& filters, Shape image, const std::string& rest) {
    const std::string conv = "{type = 'conv', bias = false, filters = " + filters + "}";
    Network network(layers_from("[" + conv + ", {type = 'residual', name = 'block', layers = [" + conv +
                                ", " + rest + "]"),
                    image, Precision::f32, Mode::training, 3);
    network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
      return Random(stream_key(2, "n", name), a, b);
    });
    Images images(5, image.channels, image.height, image.width);
    Random random(6, 0, 0);
    for (float& pixel : images.pixels) pixel = static_cast<float>(random.normal());
    std::vector<float> all = network.forward(images).values;
    Embeddings upstream(5, network.embedding_size());
    for (float& value : upstream.values) value = static_cast<float>(random.normal());
    network.backward(upstream);
    for (const char* name :
         {"0.conv.weight", "block.0.conv.weight", "block.norm.weight", "block.norm.bias"}) {
      const std::vector<float> more = gradient_of(network, name);
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  };
  for (const char* filters : {"1", "3", "16", "20", "33"})
    for (const Shape image : {Shape{1, 2, 2}, Shape{1, 5, 7}, Shape{1, 6, 2}}) {
      CAPTURE(filters);
      CAPTURE(image.text());
      const std::vector<float> fused =
          run(filters, image, "{type = 'batch_norm', name = 'norm'}]}, 'max_pool'");
      const std::vector<float> apart =
          run(filters, image, "{type = 'batch_norm', name = 'norm'}, 'linear']}, 'linear', 'max_pool'");
      REQUIRE(fused.size() == apart.size());
      for (std::size_t i = 0; i < fused.size(); ++i)
        CHECK(fused[i] == doctest::Approx(apart[i]).epsilon(1e-4).scale(1.0));
    }
}

TEST_CASE("the layout in memory changes nothing, with ReLU and pooling or without") {
  for (const char* layers : {"['batch_norm']", "['batch_norm', 'relu', 'max_pool']"})
    for (const std::size_t channels : {5u, 8u, 24u, 32u}) {
      CAPTURE(layers);
      CAPTURE(channels);
      const Shape image{channels, 4, 6};
      const std::vector<float> images = normal_numbers(6 * image.size(), 1),
                               upstream = normal_numbers(images.size(), 2);
      const auto run = [&](memory::format_tag tag) {
        Setting setting{.tag = tag};
        setting.weights = {{"0.batch_norm.weight", normal_numbers(channels, 3)},
                           {"0.batch_norm.bias", normal_numbers(channels, 4)}};
        return pass_through(layers, image, images, upstream, setting);
      };
      const Through plain = run(memory::format_tag::nchw);
      for (const auto tag : {memory::format_tag::nhwc, memory::format_tag::nChw16c}) {
        const Through other = run(tag);
        check_values(other.y, plain.y);
        REQUIRE(other.dx.size() == plain.dx.size());
        for (std::size_t i = 0; i < plain.dx.size(); ++i)
          CHECK(other.dx[i] == doctest::Approx(plain.dx[i]).epsilon(1e-4).scale(1.0));
      }
    }
}
