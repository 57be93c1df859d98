#include "plugins/twin/model.h"

#include <doctest/doctest.h>

#include "check_distance.h"
#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

Model small_model(std::vector<float> distance_weights) {
  Model model;
  model.layers = layers_from("[{type = 'conv', filters = 16}, {type = 'relu'}, {type = 'dense', units = 3}]");
  model.image = {1, 6, 6};
  model.distance = component<Distance>("type = \"l1\"");
  Network network(model.layers, model.image, Precision::f32, Mode::training);
  network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
    return Random(stream_key(9, "m", name), a, b);
  });
  describe_weights(model, network.weights(), distance_weights);
  return model;
}

Images noise(std::size_t count) {
  Images images(count, 1, 6, 6);
  Random random(2, 0, 0);
  for (float& pixel : images.pixels) pixel = static_cast<float>(random.uniform());
  return images;
}

}  // namespace

TEST_CASE("a model embeds as the network that it was made from, in chunks and at once") {
  const Model model = small_model({});
  const Images images = noise(600);
  const Embeddings all = model.embed(images);
  REQUIRE(all.count == 600);
  REQUIRE(all.size == 3);
  Network network(model.layers, model.image, Precision::f32, Mode::training);
  network.load(*model.weights);
  const Embeddings& direct = network.forward(images);
  for (std::size_t i = 0; i < all.values.size(); ++i)
    CHECK(all.values[i] == doctest::Approx(direct.values[i]).epsilon(1e-4).scale(1.0));
  CHECK(model.embed(Images(0, 1, 6, 6)).count == 0);
}

TEST_CASE("swapping the inputs of a twin changes no bit of their distance") {
  const Model model = small_model({});
  const Images images = noise(2);
  Images swapped = images;
  std::copy_n(images.image(1), 36, swapped.image(0));
  std::copy_n(images.image(0), 36, swapped.image(1));
  const auto distance = [&](const Images& two) {
    return distances(*model.distance, model.embed(two), {{0, 1}})[0];
  };
  CHECK(distance(images) == distance(swapped));
  CHECK(distance(images) > 0.0f);
}

TEST_CASE("the weights say what they are weights of") {
  const Model model = small_model({0.5f, -1.0f});
  CHECK(model.weights->metadata.at("image") == "1x6x6");
  CHECK(model.weights->metadata.at("precision") == "f32");
  CHECK(model.weights->metadata.at("distance").find("l1") != std::string::npos);
  CHECK(layers_from(model.weights->metadata.at("network")).size() == 3);
  CHECK(model.weights->tensors.at("0.conv.weight").shape == std::vector<std::int64_t>{16, 1, 3, 3});
  REQUIRE(model.distance_weights().size() == 2);
  CHECK(model.distance_weights()[1] == -1.0f);
  CHECK(small_model({}).distance_weights().empty());
}
