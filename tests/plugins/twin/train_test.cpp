#include <doctest/doctest.h>

#include <cmath>

#include "plugins/twin/model.h"
#include "twinflow/images.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

const char* const small =
    "layer = [{type = 'conv', filters = 16}, {type = 'relu'}, {type = 'dense', units = 8}, {type = "
    "'l2_normalize'}]\n"
    "shard = 4\n";

ImageBatch classes(std::size_t count) {
  ImageBatch batch{Images(2 * count, 1, 8, 8), {}};
  Random random(1, 0, 0);
  for (float& pixel : batch.images.pixels) pixel = static_cast<float>(random.uniform());
  for (std::size_t i = 0; i < 2 * count; ++i) batch.classes.push_back(static_cast<std::int32_t>(i / 2));
  return batch;
}

PairBatch pairs(std::size_t count) {
  PairBatch batch;
  batch.images = classes(count).images;
  for (std::size_t i = 0; i < count; ++i) batch.labels.push_back(i % 2);
  return batch;
}

std::string problems(const std::string& toml, std::vector<FedInput> fed = {}) {
  try {
    Bench bench("twin.train", toml, 1, std::move(fed));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("it reports every step and sends the model at the end of the epoch") {
  Bench bench("twin.train", std::string(small) + "optimizer = {type = 'adamw', learning_rate = 0.01}");
  bench.epochs = 2;
  bench.steps_per_epoch = 3;
  for (std::uint64_t i = 0; i < 3; ++i) bench.process(classes(5), Item{0, i, i});
  REQUIRE(bench.reported.size() == 3);
  const Numbers& first = bench.reported[0].second;
  CHECK(first.at("learning_rate") == doctest::Approx(0.01));
  CHECK(std::isfinite(first.at("loss")));
  CHECK(!first.contains("images_per_second"));  // there is no step before it to measure from
  CHECK(bench.reported[1].second.at("images_per_second") > 0.0);
  CHECK(first.at("distance_different") > 0.0);
  CHECK(bench.reported[2].second.at("loss") < first.at("loss"));
  bench.finish_epoch(Item{0, 2, 2});
  REQUIRE(bench.emitted.size() == 1);
  const Model model = bench.emitted[0].second.take<Model>();
  CHECK(model.step == 3);
  CHECK(model.image == Shape{1, 8, 8});
  CHECK(model.weights->tensors.contains("2.dense.weight"));
  CHECK(model.distance->type == "cosine");
  CHECK(model.embed(classes(2).images).size == 8);
}

TEST_CASE("weights that are no numbers end the run, even where the loss does not show them") {
  Bench bench("twin.train", std::string(small) + "optimizer = {type = 'sgd', learning_rate = 1e300}");
  bench.process(classes(5), Item{});
  try {
    bench.finish_epoch({});
    FAIL("such a model was given out");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).starts_with("after update 1 the weights '"));
    CHECK(std::string(error.what()).ends_with("' are not finite numbers; a smaller learning_rate may help"));
  }
}

TEST_CASE("the start depends on the seed and the node's name, and on nothing else") {
  const auto weights = [](std::uint64_t seed, const std::string& name) {
    Bench bench("twin.train", std::string(small) + "optimizer = {type = 'sgd', learning_rate = 0.0}", seed);
    bench.name = name;
    bench.process(classes(3), Item{});
    bench.finish_epoch({});
    return bench.emitted.at(0).second.take<Model>().weights->tensors.at("0.conv.weight").values;
  };
  const std::vector<float> values = weights(1, "twin");
  CHECK(values == weights(1, "twin"));
  CHECK(values != weights(2, "twin"));
  CHECK(values != weights(1, "other"));
}

TEST_CASE("pairs are trained with a loss that takes them") {
  Bench bench("twin.train", std::string(small) + "distance = 'weighted_l1'\nloss = 'bce'", 1,
              {{"batch", typeid(PairBatch)}});
  bench.process(pairs(6), Item{});
  CHECK(std::isfinite(bench.reported.at(0).second.at("loss")));
  bench.finish_epoch({});
  CHECK(bench.emitted.at(0).second.take<Model>().distance_weights().size() == 9);
}

TEST_CASE("what cannot work is said before anything runs") {
  CHECK(says(problems(""), "a network is needed: network = \"conv4\", or layers in `layer`"));
  CHECK(says(problems(std::string(small) + "network = 'conv4'"),
             "network and layer are both given; only one of them can be"));
  CHECK(says(problems("network = 'conv5'"), "there is no network 'conv5'; did you mean 'conv4'?"));
  CHECK(
      says(problems("network = {type = 'conv4', filters = 0}"), "'filters' is 0, out of range: at least 1"));
  CHECK(says(problems("layer = [{type = 'dense', units = 3, name = 'a'}, {type = 'relu', name = 'a'}]"),
             "layers 0 and 1 are both called \"a\""));
  CHECK(says(problems("network = 'conv4'", {{"batch", typeid(PairBatch)}}),
             "the loss all_pairs needs batches of classes, but \"batch\" is fed with pairs"));
  CHECK(says(problems("network = 'conv4'\nloss = 'bce'"),
             "the loss bce needs a distance that gives logits, such as weighted_l1; cosine does not"));
  CHECK(says(problems("network = 'conv4'\nloss = 'contrastive'\ndistance = 'weighted_l1'"),
             "the loss contrastive needs a distance from 0 upwards; weighted_l1 gives logits"));
  const std::vector<FedInput> small_images = {{"batch", typeid(ImageBatch), ImageShape{1, 12, 12}}};
  CHECK(problems("network = 'conv4'", small_images) ==
        "bench.toml:1:11: error: layer 15 (max_pool): a 2x2 window does not fit into 64x1x1\n"
        "  network = 'conv4'\n            ^\n");
  CHECK(problems("network = 'conv4'", {{"batch", typeid(ImageBatch), ImageShape{1, 16, 16}}}) == "");
  CHECK(problems("[[layer]]\ntype = 'relu'\n[[layer]]\ntype = 'max_pool'\nsize = 13", small_images) ==
        "bench.toml:3:1: error: layer 1 (max_pool): a 13x13 window does not fit into 1x12x12\n"
        "  [[layer]]\n  ^\n");
  CHECK(
      problems("network = 'koch2015'\nloss = 'bce'\ndistance = 'weighted_l1'", {{"batch", typeid(PairBatch)}})
          .empty());
}
