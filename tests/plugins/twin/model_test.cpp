#include "twinflow/twin/model.h"

#include <doctest/doctest.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <atomic>

#include "check_distance.h"
#include "small_model.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// Passes its input on and counts how often it is planned.
struct Counted final : Layer {
  static inline std::atomic<int> planned = 0;
  Shape output(Shape in) const override { return in; }
  int plan(Program&, const Planned& at) const override {
    ++planned;
    return at.input;
  }
};

}  // namespace

TEST_CASE("a model embeds as the network that it was made from, in chunks and at once") {
  const Model model = small_model();
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

TEST_CASE("weights that are changed in a copy of a model are used, and the first one keeps its own") {
  const Model model = small_model();
  const Images images = noise(5);
  const Embeddings before = model.embed(images);  // its network is kept
  NamedTensors other = *model.weights;
  for (float& one : other.tensors.at("2.dense.weight").values) one = -one;
  for (float& one : other.tensors.at("2.dense.bias").values) one = -one;
  Model copy = model;
  copy.weights = std::make_shared<const NamedTensors>(std::move(other));
  const Embeddings turned = copy.embed(images), again = model.embed(images);
  CHECK(again.values == before.values);
  for (std::size_t i = 0; i < before.values.size(); ++i) CHECK(turned.values[i] == -before.values[i]);
}

TEST_CASE("a network is built at the first use and kept, for all copies of the model") {
  Model model;
  model.layers = layers_from("[{type = 'dense', units = 4}]");
  model.layers.push_back(std::make_shared<const Counted>());
  model.image = {1, 6, 6};
  {
    Network network(model.layers, model.image, Precision::f32, Mode::training);
    network.initialise([](std::string_view, std::uint64_t a, std::uint64_t b) { return Random(1, a, b); });
    model.weights = std::make_shared<const NamedTensors>(network.weights());
  }
  Counted::planned = 0;
  const Model copy = model;
  CHECK(Counted::planned == 0);
  const Images images = noise(300);
  const Embeddings first = model.embed(images);
  CHECK(Counted::planned == 1);
  CHECK(copy.embed(noise(7)).count == 7);
  CHECK(Counted::planned == 1);
  CHECK_THROWS_WITH_AS(
      copy.embed(noise(2, 5)),
      "the network was built for images of 1x6x6, but these are 1x5x5; read them with size = 6", Error);
  CHECK(copy.embed(images).values == first.values);
  CHECK(Counted::planned <= 2);  // the one that threw was dropped

  // At the same time, each its own.
  std::atomic<int> equal = 0;
  tbb::parallel_for(0, 32, [&](int) { equal += copy.embed(images).values == first.values; });
  CHECK(equal == 32);
  const int built = Counted::planned;
  model.embed(images);
  CHECK(Counted::planned == built);
}

TEST_CASE("embeddings have the same bits for 1, 2 and 8 threads, in f32 and bf16") {
  for (const Precision precision : {Precision::f32, resolve(Precision::automatic)}) {
    const Model model = model_of(
        "[{type = 'conv', filters = 16, bias = false}, 'batch_norm', 'relu', 'max_pool',"
        " {type = 'dense', units = 130}, 'l2_normalize']",
        {1, 12, 12}, "cosine", precision);
    std::vector<float> first;
    for (const int threads : {1, 2, 8}) {
      tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(threads));
      const Embeddings made = tbb::task_arena(threads).execute([&] { return model.embed(noise(300, 12)); });
      if (first.empty()) first = made.values;
      CHECK(made.values == first);
    }
  }
}

TEST_CASE("swapping the inputs of a twin changes no bit of their distance") {
  const Model model = small_model();
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
  const Model model = small_model("weighted_l1");
  CHECK(model.weights->metadata.at("image") == "1x6x6");
  CHECK(model.weights->metadata.at("precision") == "f32");
  CHECK(model.weights->metadata.at("distance").find("weighted_l1") != std::string::npos);
  CHECK(layers_from(model.weights->metadata.at("network")).size() == 3);
  CHECK(model.weights->tensors.at("0.conv.weight").shape == std::vector<std::int64_t>{16, 1, 3, 3});
  REQUIRE(model.distance_weights().size() == 4);
  CHECK(model.distance_weights()[1] == -0.5f);
  CHECK(small_model().distance_weights().empty());
}
