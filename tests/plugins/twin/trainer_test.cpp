#include "plugins/twin/trainer.h"

#include <doctest/doctest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "components.h"
#include "layers_from.h"
#include "plugins/twin/model.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

const char* const layers_toml =
    "[{type = 'conv', filters = 16, bias = false}, {type = 'batch_norm'}, {type = 'relu'}, {type = "
    "'max_pool'},"
    " {type = 'residual', layers = [{type = 'conv', filters = 32}, {type = 'batch_norm'}]},"
    " {type = 'dense', units = 150}, {type = 'sigmoid'}, {type = 'dense', units = 20}, {type = "
    "'l2_normalize'}]";

Recipe recipe(Precision precision) {
  return {layers_from(layers_toml),
          component<Distance>("type = \"cosine\""),
          component<Loss>("type = \"all_pairs\""),
          component<Optimizer>("type = \"adamw\"\nlearning_rate = 0.003"),
          component<Schedule>("type = \"constant\""),
          precision,
          4,
          100};
}

/// Two noisy images of each of `classes` patterns.
std::pair<Images, Labels> batch(std::size_t classes, std::uint64_t index) {
  Images images(2 * classes, 1, 12, 12);
  Labels labels;
  Random noise(7, 0, index);
  for (std::size_t i = 0; i < images.count; ++i) {
    Random pattern(8, 0, i / 2);
    labels.classes.push_back(static_cast<std::int32_t>(i / 2));
    for (std::size_t k = 0; k < 144; ++k)
      images.image(i)[k] = static_cast<float>(0.5 * pattern.uniform() + 0.5 * noise.uniform());
  }
  return {std::move(images), std::move(labels)};
}

Random start(std::string_view name, std::uint64_t a, std::uint64_t b) {
  return Random(stream_key(3, "twin", name), a, b);
}

NamedTensors trained(Precision precision, int threads) {
  tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                              static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  NamedTensors weights;
  arena.execute([&] {
    Trainer trainer(recipe(precision), {1, 12, 12}, start);
    for (std::uint64_t i = 0; i < 4; ++i) {
      const auto [images, labels] = batch(i == 2 ? 5 : 9, i);  // uneven shards, and two batch sizes
      trainer.step(images, labels);
    }
    weights = trainer.network().weights();
  });
  return weights;
}

}  // namespace

TEST_CASE("the weights have the same bits for 1, 2 and 8 threads") {
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    if (precision == Precision::bf16 && resolve(Precision::automatic) != Precision::bf16) continue;
    const NamedTensors one = trained(precision, 1);
    for (int threads : {2, 8}) {
      const NamedTensors other = trained(precision, threads);
      for (const auto& [name, tensor] : one.tensors) {
        CAPTURE(name);
        CHECK(tensor.values == other.tensors.at(name).values);
      }
    }
  }
}

TEST_CASE("training makes the loss small, in f32 and in bf16 alike") {
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    if (precision == Precision::bf16 && resolve(Precision::automatic) != Precision::bf16) continue;
    Trainer trainer(recipe(precision), {1, 12, 12}, start);
    Trainer::Outcome first, last;
    for (std::uint64_t i = 0; i < 30; ++i) {
      const auto [images, labels] = batch(8, i);
      last = trainer.step(images, labels);
      if (i == 0) first = last;
    }
    CHECK(last.loss < 0.5 * first.loss);
    CHECK(last.same < last.different);
    CHECK(trainer.updates() == 30);
  }
}

TEST_CASE("a learned distance is trained too") {
  Recipe koch = recipe(Precision::f32);
  koch.distance = component<Distance>("type = \"weighted_l1\"");
  koch.loss = component<Loss>("type = \"bce\"");
  Trainer trainer(koch, {1, 12, 12}, start);
  const std::vector<float> before = trainer.distance_weights();
  REQUIRE(before.size() == 21);
  const auto [images, labels] = batch(6, 0);
  trainer.step(images, labels);
  CHECK(trainer.distance_weights() != before);
}

TEST_CASE("a loss that is not finite ends training with a sentence") {
  Recipe plain = recipe(Precision::f32);  // without ReLU, which makes 0 of what is not a number
  plain.layers = layers_from("[{type = 'dense', units = 4}, {type = 'l2_normalize'}]");
  Trainer trainer(plain, {1, 12, 12}, start);
  auto [images, labels] = batch(6, 0);
  trainer.step(images, labels);
  images.pixels[5] = std::numeric_limits<float>::quiet_NaN();
  std::string said;
  try {
    trainer.step(images, labels);
  } catch (const Error& error) {
    said = error.what();
  }
  CHECK(said.find("the loss of update 2 is not a finite number (") == 0);
  CHECK(said.find("; a smaller learning_rate may help") != std::string::npos);
}

TEST_CASE("a trainer goes on where another was saved, to the same bits") {
  const char* const optimizers[] = {"type = \"adamw\"", "type = \"sgd\"\nmomentum = 0.9", "type = \"sgd\""};
  for (const char* optimizer : optimizers)
    for (const Precision precision : {Precision::f32, resolve(Precision::automatic)}) {
      CAPTURE(optimizer);
      Recipe same = recipe(precision);
      same.optimizer = component<Optimizer>(optimizer);
      same.schedule = component<Schedule>("type = \"cosine\"");
      same.distance = component<Distance>("type = \"weighted_l1\"");
      same.loss = component<Loss>("type = \"bce\"");
      const auto steps = [](Trainer& trainer, std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t i = from; i < to; ++i) {
          const auto [images, labels] = batch(6, i);
          trainer.step(images, labels);
        }
      };
      Trainer whole(same, {1, 12, 12}, start), first(same, {1, 12, 12}, start),
          second(same, {1, 12, 12}, start);
      steps(whole, 0, 5);
      steps(first, 0, 2);
      second.restore(first.save());
      steps(second, 2, 5);
      CHECK(second.updates() == 5);
      const State expected = whole.save(), found = second.save();
      CHECK(expected.values == found.values);
      REQUIRE(expected.tensors.size() == found.tensors.size());
      CHECK(expected.tensors.contains("distance.weight"));
      for (const auto& [name, tensor] : expected.tensors) {
        CAPTURE(name);
        CHECK(tensor.shape == found.tensor(name).shape);
        CHECK(tensor.values == found.tensor(name).values);
      }
    }
}

TEST_CASE("a state of another optimizer or of another network is refused") {
  Trainer trainer(recipe(Precision::f32), {1, 12, 12}, start);
  State state = trainer.save();
  state.tensors.begin()->second.shape.push_back(7);
  CHECK_THROWS_AS(trainer.restore(state), Error);
  state = trainer.save();
  state.values["optimizer"] = "sgd";
  CHECK_THROWS_WITH_AS(trainer.restore(state),
                       "the state was saved with the optimizer sgd, the graph says adamw", Error);
}

TEST_CASE("a profile tells which layer did what, and when") {
  Trainer trainer(recipe(Precision::f32), {1, 12, 12}, start);
  std::mutex lock;
  std::map<std::pair<std::string, std::string>, int> pieces;
  bool ordered = true;
  trainer.profile([&](const Ran& ran) {
    const std::lock_guard guard(lock);
    ++pieces[{std::string(ran.layer), std::string(ran.part)}];
    ordered = ordered && ran.begin <= ran.end;
  });
  const auto [images, labels] = batch(6, 0);  // 12 images in shards of 4
  trainer.step(images, labels);
  CHECK(ordered);
  for (const auto& [layer, part] :
       {std::pair("0.conv", "forward"), std::pair("0.conv", "backward weights"),
        std::pair("1.batch_norm", "forward"), std::pair("1.batch_norm", "backward"),
        std::pair("4.residual.0.conv", "backward data")})
    CHECK(pieces[{layer, part}] == 3);
  CHECK(pieces[{"0.conv", "backward data"}] == 0);  // nobody asks for the gradient of the images
  for (const char* part : {"forward", "backward weights", "backward data"})
    CHECK(pieces[{"5.dense", part}] >= 2);  // blocks of 64 units or more
  CHECK(pieces[{"loss", "distances and loss"}] == 1);
  for (const char* part : {"sum over shards", "update"}) CHECK(pieces[{"0.conv.weight", part}] == 1);
  const std::size_t told = pieces.size();
  trainer.profile({});
  pieces.clear();
  trainer.step(images, labels);
  CHECK(pieces.empty());
  CHECK(told > 20);
  bool named = false;
  for (const Network::LayerWork& work : trainer.network().work())
    if (work.layer == "0.conv" && work.part == "forward") {
      CHECK(work.flops == 2.0 * 16 * 12 * 12 * 9);
      named = !work.kernel.empty();
    }
  CHECK(named);
}
