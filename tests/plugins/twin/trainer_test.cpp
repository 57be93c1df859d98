#include "plugins/twin/trainer.h"

#include <doctest/doctest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "check_distance.h"
#include "components.h"
#include "error_of.h"
#include "layers_from.h"
#include "local_ranks.h"
#include "plugins/twin/orthogonalize.h"
#include "twinflow/twin/model.h"

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
          4};
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

void check_same(const State& found, const State& expected) {
  CHECK(found.values == expected.values);
  REQUIRE(found.tensors.size() == expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    CAPTURE(name);
    CHECK(found.tensor(name).shape == tensor.shape);
    CHECK(found.tensor(name).values == tensor.values);
  }
}

std::vector<Precision> precisions() {
  if (resolve(Precision::automatic) == Precision::bf16) return {Precision::f32, Precision::bf16};
  return {Precision::f32};
}

/// Every kind of layer, and everything that a recipe can ask for.
Recipe everything(Precision precision) {
  Recipe all = recipe(precision);
  all.layers = layers_from(R"([
      {type = 'conv', filters = 16, bias = false}, 'batch_norm', 'relu', 'max_pool',
      {type = 'conv', filters = 32, groups = 2, dilation = 2}, 'layer_norm', 'gelu',
      {type = 'activity_penalty', l1 = 0.001, l2 = 0.01}, {type = 'dropout', rate = 0.2},
      {type = 'residual', layers = [{type = 'conv', filters = 32}, 'batch_norm', 'mish', {type = 'conv', filters = 32}]},
      {type = 'residual', layers = [{type = 'conv', filters = 48, stride = 2, bias = false},
       'batch_norm', 'swish'], shortcut = ['avg_pool', {type = 'conv', filters = 48, size = 1}, 'hardswish']},
      {type = 'conv', filters = 20, size = 2}, 'leaky_relu', 'elu',
      {type = 'residual', layers = ['global_max_pool'], shortcut = ['global_avg_pool']},
      'flatten', {type = 'dropout', rate = 0.1}, {type = 'dense', units = 150}, 'selu', 'softplus',
      {type = 'clip', low = 0.1, high = 3.0}, {type = 'dense', units = 40}, 'linear', 'sigmoid', 'layer_norm',
      {type = 'dense', units = 20}, 'tanh', 'l2_normalize'])");
  all.distance = component<Distance>("type = \"weighted_l1\"");
  all.loss = component<Loss>("type = \"bce\"");
  all.schedule = component<Schedule>("type = \"cosine\"\nwarmup = 0.3");
  all.micro_batch = 9;
  all.accumulate = 2;
  all.batches = 6;
  all.batches_per_epoch = 2;
  all.tunings = {Tuning{.layers = "0\\.conv", .learning_rate_scale = 0.5, .l1 = 1e-4, .l2 = 1e-3},
                 Tuning{.layers = "17\\.dense", .gradient_scale = 2.0, .bias_l2 = 0.01, .max_norm = 1.2},
                 Tuning{.layers = "1\\.batch_norm", .freeze_at = 2},
                 Tuning{.layers = "4\\.conv", .range = {-0.2, 0.3}, .frozen = true, .unfreeze_at = 1},
                 Tuning{.layers = "proxies", .learning_rate_scale = 3.0}};
  all.proxies = ProxyTask{};
  all.classes = 9;
  all.clipping.global = 0.5;
  all.average = 0.9;
  return all;
}

void learn(Trainer& trainer, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t i = from; i < to; ++i) {
    const auto [images, labels] = batch(i == 2 ? 5 : 9, i);  // uneven shards, parts, two batch sizes
    trainer.step(images, labels);
  }
}

}  // namespace

TEST_CASE("all layers, all of a recipe: bits are those of 1, 2 and 8 threads, and of every restart") {
  for (const Precision precision : precisions()) {
    CAPTURE(static_cast<int>(precision));
    std::vector<State> states;  // before each step, and at the end
    for (const int threads : {1, 2, 8}) {
      CAPTURE(threads);
      tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(threads));
      tbb::task_arena arena(threads);
      arena.execute([&] {
        Trainer trainer(everything(precision), {1, 12, 12}, start);
        for (std::uint64_t i = 0; i <= 6; ++i) {
          if (threads == 1)
            states.push_back(trainer.save());
          else
            check_same(trainer.save(), states[i]);
          if (i < 6) learn(trainer, i, i + 1);
        }
      });
    }
    CHECK(states[2].tensor("0.conv.weight").values != states[4].tensor("0.conv.weight").values);
    for (std::uint64_t i = 0; i < 6; ++i) {
      CAPTURE(i);
      Trainer trainer(everything(precision), {1, 12, 12}, start);
      trainer.restore(states[i]);
      learn(trainer, i, 6);
      check_same(trainer.save(), states[6]);
    }
  }
}

TEST_CASE("training makes the loss small, in f32 and in bf16 alike") {
  for (const Precision precision : precisions()) {
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
  CHECK(said.find("); the first such numbers are in the images") != std::string::npos);
}

TEST_CASE("a trainer goes on where another was saved, to the same bits") {
  const char* const optimizers[] = {"type = \"adamw\"", "type = \"sgd\"\nmomentum = 0.9", "type = \"sgd\"",
                                    "type = \"muon\""};
  for (const char* optimizer : optimizers)
    for (const Precision precision : precisions()) {
      CAPTURE(optimizer);
      Recipe same = recipe(precision);
      same.optimizer = component<Optimizer>(optimizer);
      same.schedule = component<Schedule>("type = \"cosine\"");
      same.distance = component<Distance>("type = \"weighted_l1\"");
      same.loss = component<Loss>("type = \"bce\"");
      Trainer whole(same, {1, 12, 12}, start), first(same, {1, 12, 12}, start),
          second(same, {1, 12, 12}, start);
      learn(whole, 0, 5);
      learn(first, 0, 2);
      second.restore(first.save());
      learn(second, 2, 5);
      CHECK(second.updates() == 5);
      CHECK(whole.save().tensors.contains("distance.weight"));
      check_same(second.save(), whole.save());
    }
}

TEST_CASE(
    "proxies and muon: bits are those of 1, 2 and 8 threads, and of a restart; parts are as good as a "
    "whole") {
  Recipe with = recipe(Precision::f32);
  with.optimizer = component<Optimizer>("type = \"muon\"\nlearning_rate = 0.003");
  with.proxies = ProxyTask{};
  with.classes = 9;
  State expected;
  for (const int threads : {1, 2, 8}) {
    tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    arena.execute([&] {
      Trainer first(with, {1, 12, 12}, start);
      learn(first, 0, 2);
      Trainer second(with, {1, 12, 12}, start);
      second.restore(first.save());
      for (Trainer* one : {&first, &second}) learn(*one, 2, 4);
      check_same(second.save(), first.save());
      if (threads == 1) expected = first.save();
      check_same(first.save(), expected);
    });
  }
  CHECK(expected.tensor("proxies.weight").shape == std::vector<std::int64_t>{9, 20});
  CHECK(expected.tensor("optimizer.0.proxies.weight").values.size() == 9 * 20);

  Recipe in_parts = with;
  in_parts.micro_batch = 8;
  Trainer whole(with, {1, 12, 12}, start), parts(in_parts, {1, 12, 12}, start);
  const auto [images, labels] = batch(9, 0);
  const Trainer::Outcome one = whole.step(images, labels), two = parts.step(images, labels);
  CHECK(two.proxy_loss.value() == doctest::Approx(one.proxy_loss.value()).epsilon(1e-5));
  CHECK(two.update->norm == doctest::Approx(one.update->norm).epsilon(1e-4));

  Labels wrong = labels;
  wrong.classes.back() = 9;
  CHECK_THROWS_WITH_AS(whole.step(images, wrong),
                       "an image's class is 9, not one of the 9 that the first batch told of", Error);
}

TEST_CASE("muon is given a layer's weights row by row, whatever the engine's layout") {
  Recipe muon = recipe(Precision::f32);
  muon.optimizer =
      component<Optimizer>("type = \"muon\"\nlearning_rate = 0.5\nweight_decay = 0.0\nmomentum = 0.5");
  Trainer trainer(muon, {1, 12, 12}, start);
  const State before = trainer.save();
  learn(trainer, 0, 1);
  const State after = trainer.save();
  for (const char* layer : {"4.residual.0.conv.weight", "5.dense.weight"}) {
    CAPTURE(layer);
    const Tensor& old = before.tensor(layer);
    const std::size_t rows = static_cast<std::size_t>(old.shape[0]), columns = old.values.size() / rows;
    // After one update u = (1 + momentum) m, and a factor does not matter.
    std::vector<float> direction = after.tensor("optimizer.0." + std::string(layer)).values;
    orthogonalize(direction, rows, columns);
    const double rate = 0.5 * 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
    std::vector<float> found(direction.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      found[i] = (old.values[i] - after.tensor(layer).values[i]) / static_cast<float>(rate);
    check_close(found, direction, 1e-4);
  }
}

TEST_CASE("a layer that stays frozen has to find its weights in the file") {
  Trainer first(recipe(Precision::f32), {1, 12, 12}, start);
  Recipe frozen = recipe(Precision::f32);
  frozen.tunings = {Tuning{.layers = "0\\.conv", .frozen = true}};
  Trainer colour(frozen, {3, 12, 12}, start), grey(frozen, {1, 12, 12}, start);
  CHECK_THROWS_WITH_AS(colour.start_from(first.weights(), "best"),
                       "the layer '0.conv' is frozen, but best has no weights that fit it", Error);
  CHECK(grey.start_from(first.weights(), "best").other_shape.empty());
  frozen.tunings[0].unfreeze_at = 2;
  Trainer later(frozen, {3, 12, 12}, start);
  CHECK(later.start_from(first.weights(), "best").other_shape.size() == 1);
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

TEST_CASE("a loss that is not finite is traced to the layer, and the weights stay as they were") {
  Recipe plain = recipe(Precision::f32);
  plain.layers = layers_from(
      "[{type = 'dense', units = 4}, {type = 'sigmoid'}, {type = 'dense', units = 3, name = 'head'}]");
  plain.distance = component<Distance>("type = \"squared_l2\"");
  plain.loss = component<Loss>("type = \"contrastive\"");
  Trainer trainer(plain, {1, 12, 12}, start);
  NamedTensors weights = trainer.network().weights();
  for (float& one : weights.tensors.at("head.weight").values) one = 3e38f;
  for (float& one : weights.tensors.at("0.dense.bias").values) one = 10.0f;  // sigmoids of about 1
  trainer.network().load(weights);
  const auto [images, labels] = batch(6, 0);
  CHECK_THROWS_WITH_AS(trainer.step(images, labels),
                       doctest::Contains("; the first such numbers are in the layer head"), NotFinite);
  CHECK(trainer.network().weights().tensors.at("0.dense.weight").values ==
        weights.tensors.at("0.dense.weight").values);
  CHECK(trainer.updates() == 0);
}

TEST_CASE("a batch in parts gives the result of the whole") {
  // The parts are cut between shards, so that statistics are the same; sums are rounded in another order.
  for (const std::size_t classes : {16, 13}) {  // shards of 4, and of 4 and 3
    Recipe whole = recipe(Precision::f32), parts = whole;
    whole.optimizer = parts.optimizer = component<Optimizer>("type = \"sgd\"\nlearning_rate = 0.1");
    parts.micro_batch = 9;
    Trainer a(whole, {1, 12, 12}, start), b(parts, {1, 12, 12}, start);
    for (std::uint64_t i = 0; i < 3; ++i) {
      const auto [images, labels] = batch(classes, i);
      const Trainer::Outcome one = a.step(images, labels), other = b.step(images, labels);
      CHECK(other.loss == doctest::Approx(one.loss).epsilon(1e-5));
      CHECK(other.update->norm == doctest::Approx(one.update->norm).epsilon(1e-4));
    }
    const NamedTensors expected = a.network().weights(), found = b.network().weights();
    for (const auto& [name, tensor] : expected.tensors) {
      CAPTURE(name);
      check_close(found.tensors.at(name).values, tensor.values, 2e-5);
    }
  }
}

TEST_CASE("a batch in parts trains the weights of a distance, once") {
  Recipe whole = recipe(Precision::f32);
  whole.optimizer = component<Optimizer>("type = \"sgd\"\nlearning_rate = 0.1");
  whole.distance = component<Distance>("type = \"weighted_l1\"");
  whole.loss = component<Loss>("type = \"bce\"");
  Recipe parts = whole;
  parts.micro_batch = 4;
  Trainer a(whole, {1, 12, 12}, start), b(parts, {1, 12, 12}, start);
  const auto [images, labels] = batch(8, 0);
  a.step(images, labels);
  b.step(images, labels);
  check_close(b.distance_weights(), a.distance_weights(), 1e-5);
}

TEST_CASE("ranks that share each batch train to the same bits as one that takes all shares") {
  for (const Precision precision : precisions()) {
    CAPTURE(static_cast<int>(precision));
    const Recipe shared = everything(precision);
    const auto learn_shares = [&](Trainer& trainer, std::size_t rank, std::size_t ranks) {
      std::vector<double> losses;
      for (std::uint64_t i = 0; i < 6; ++i) {
        const auto [images, labels] = batch(i == 2 ? 5 : 9, i);  // of 10 and 18 images: uneven shares
        const std::size_t begin = images.count * rank / ranks, end = images.count * (rank + 1) / ranks;
        Images mine(end - begin, images.channels, images.height, images.width);
        std::copy_n(images.image(begin), mine.pixels.size(), mine.pixels.data());
        losses.push_back(trainer.step(mine, labels).loss);
      }
      return losses;
    };
    Trainer alone(shared, {1, 12, 12}, start, Shares(4, nullptr));
    const std::vector<double> losses = learn_shares(alone, 0, 1);
    const State expected = alone.save();
    for (const int size : {1, 2, 4}) {
      CAPTURE(size);
      std::mutex one_by_one;
      LocalRanks(size).run([&](Ranks& ranks) {
        tbb::task_arena arena(1 + ranks.rank() % 2);  // threads
        arena.execute([&] {
          Trainer trainer(shared, {1, 12, 12}, start, Shares(4, &ranks));
          const auto found =
              learn_shares(trainer, static_cast<std::size_t>(ranks.rank()), static_cast<std::size_t>(size));
          const std::lock_guard lock(one_by_one);
          CHECK(found == losses);
          check_same(trainer.save(), expected);
        });
      });
    }
  }
}

TEST_CASE("ranks with batches of their own train to the bits of one process that accumulates as many") {
  Recipe alone = everything(Precision::f32);
  // Without batch_norm, which notes a mean of the batches' statistics rather than one after the other.
  alone.layers = layers_from(R"([{type = 'conv', filters = 16}, 'relu', {type = 'dropout', rate = 0.2},
      {type = 'activity_penalty', l2 = 0.01}, 'max_pool', {type = 'dense', units = 20}, 'l2_normalize'])");
  alone.tunings = {Tuning{.layers = "0\\.conv", .learning_rate_scale = 0.5, .l1 = 1e-4, .l2 = 1e-3},
                   Tuning{.layers = "proxies", .learning_rate_scale = 3.0}};
  alone.micro_batch = 1024;
  Recipe each = alone;
  each.accumulate = 1;
  each.batches = 3;
  each.batches_per_epoch = 1;
  Trainer one(alone, {1, 12, 12}, start);
  std::vector<double> losses;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const auto [images, labels] = batch(i == 2 ? 5 : 9, i);
    losses.push_back(one.step(images, labels).loss);
  }
  const State expected = one.save();
  std::mutex one_by_one;
  LocalRanks(2).run([&](Ranks& ranks) {
    Trainer trainer(each, {1, 12, 12}, start, Shares(0, &ranks, true));
    std::vector<double> found;
    for (std::uint64_t i = 0; i < 3; ++i) {
      const std::uint64_t mine = 2 * i + static_cast<std::uint64_t>(ranks.rank());
      const auto [images, labels] = batch(mine == 2 ? 5 : 9, mine);
      found.push_back(trainer.step(images, labels).loss);
    }
    const std::lock_guard lock(one_by_one);
    for (std::size_t i = 0; i < 3; ++i) CHECK(found[i] == (losses[2 * i] + losses[2 * i + 1]) / 2.0);
    check_same(trainer.save(), expected);
  });
}

TEST_CASE("ranks with batches of their own stay alike, and fail together") {
  Recipe each = everything(Precision::f32);
  each.micro_batch = 1024;
  std::mutex one_by_one;
  std::vector<State> states;
  LocalRanks(3).run([&](Ranks& ranks) {
    Trainer trainer(each, {1, 12, 12}, start, Shares(0, &ranks, true));
    for (std::uint64_t i = 0; i < 4; ++i) {
      const auto [images, labels] = batch(9, 3 * i + static_cast<std::uint64_t>(ranks.rank()));
      trainer.step(images, labels);
    }
    const std::lock_guard lock(one_by_one);
    states.push_back(trainer.save());
  });
  for (const State& one : states) check_same(one, states[0]);

  Recipe open = recipe(Precision::f32);  // no relu, which hides what is not a number
  open.layers = layers_from("[{type = 'conv', filters = 8}, {type = 'dense', units = 12}, 'l2_normalize']");
  LocalRanks(3).run([&](Ranks& ranks) {
    Trainer trainer(open, {1, 12, 12}, start, Shares(0, &ranks, true));
    auto [images, labels] = batch(9, static_cast<std::uint64_t>(ranks.rank()));
    if (ranks.rank() == 1) images.image(4)[7] = std::numeric_limits<float>::quiet_NaN();
    const std::string error = error_of([&] { trainer.step(images, labels); });
    const std::lock_guard lock(one_by_one);
    CHECK(error.find("the loss of update 1 is not a finite number (nan)") == 0);
    CHECK((error.find("the first such numbers are in the images") != std::string::npos) ==
          (ranks.rank() == 1));
  });
  LocalRanks(2).run([&](Ranks& ranks) {
    CHECK(error_of([&] { Shares(4, &ranks, true); }).find("shares = 4, but with batch_per_rank each of 2") ==
          0);
    each.micro_batch = 8;
    Trainer trainer(each, {1, 12, 12}, start, Shares(0, &ranks, true));
    const auto [images, labels] = batch(9, 0);
    CHECK(error_of([&] { trainer.step(images, labels); }) ==
          "the batch of a rank has 18 images, more than micro_batch = 8: make smaller batches, or take a "
          "larger micro_batch");
  });
}

TEST_CASE("ranks that differ in anything that the next step depends on do not train on") {
  Recipe each = everything(Precision::f32);
  each.micro_batch = 1024;
  std::mutex one_by_one;
  LocalRanks(2).run([&](Ranks& ranks) {
    Trainer trainer(each, {1, 12, 12}, start, Shares(0, &ranks, true));
    const auto [images, labels] = batch(9, static_cast<std::uint64_t>(ranks.rank()));
    trainer.step(images, labels);  // half an update: gradients are collected
    const State same = trainer.save();
    const auto refusal = [&](const auto& change) {
      State state = same;
      if (ranks.rank() == 1) change(state);
      trainer.restore(state);
      return error_of([&] { trainer.compare_ranks(); });
    };
    const auto expect = [&](const std::string& what, const std::string& found) {
      const std::lock_guard lock(one_by_one);
      CHECK(found ==
            ranks.name(1) + " has other " + what + " than " + ranks.name(0) + ": they have gone apart");
    };
    const std::string none = refusal([](State&) {});
    {
      const std::lock_guard lock(one_by_one);
      CHECK(none == "");
    }
    for (const auto& [tensor, what] : {std::pair("0.conv.weight", "weights"),
                                       {"1.batch_norm.running_mean", "weights"},
                                       {"distance.weight", "distance weights"},
                                       {"proxies.weight", "proxies"},
                                       {"optimizer.0.0.conv.weight", "optimizer memory"},
                                       {"optimizer.1.proxies.weight", "optimizer memory"},
                                       {"collected.distance.weight", "optimizer memory"},
                                       {"average.0.conv.weight", "averaged weights"},
                                       {"average.distance.weight", "averaged weights"}})
      expect(what, refusal([name = tensor](State& state) { state.tensors.at(name).values.at(3) += 1.0f; }));
    for (const std::string value : {"updates", "collected"})
      expect("counts of updates",
             refusal([&](State& state) { state.values[value] = state.value<std::int64_t>(value) + 1; }));
  });
}

TEST_CASE("a batch in shares gives the result of the whole") {
  // Without batch_norm, whose statistics follow the shards.
  Recipe whole = recipe(Precision::f32);
  whole.layers =
      layers_from("[{type = 'conv', filters = 8}, 'relu', {type = 'dense', units = 12}, 'l2_normalize']");
  Trainer expected(whole, {1, 12, 12}, start), found(whole, {1, 12, 12}, start, Shares(4, nullptr));
  const auto [images, labels] = batch(9, 0);
  const Trainer::Outcome one = expected.step(images, labels), other = found.step(images, labels);
  CHECK(other.loss == doctest::Approx(one.loss).epsilon(1e-6));
  REQUIRE(other.update.has_value());
  CHECK(other.update->norm == doctest::Approx(one.update->norm).epsilon(1e-5));
  const NamedTensors a = expected.network().gradients(), b = found.network().gradients();
  for (const auto& [name, tensor] : a.tensors) {
    CAPTURE(name);
    check_close(b.tensors.at(name).values, tensor.values, 1e-5);
  }
}

TEST_CASE("shares that cannot be are refused") {
  LocalRanks(3).run([&](Ranks& ranks) {
    CHECK(error_of([&] { Shares(4, &ranks); }).find("4 shares of a batch cannot be divided among 3 ranks") ==
          0);
    CHECK(error_of([&] { Shares(9, &ranks); }).find("9 shares of a batch cannot") == 0);
    Shares shares(6, &ranks);
    CHECK(shares.own(12) == std::vector<std::size_t>{4 * static_cast<std::size_t>(ranks.rank()),
                                                     4 * static_cast<std::size_t>(ranks.rank()) + 2,
                                                     4 * static_cast<std::size_t>(ranks.rank()) + 4});
    CHECK(error_of([&] { shares.own(5); }) == "a batch of 5 images cannot be cut into 6 shares");
  });
  Recipe few = recipe(Precision::f32);
  few.micro_batch = 8;
  Trainer trainer(few, {1, 12, 12}, start, Shares(2, nullptr));
  const auto [images, labels] = batch(9, 0);
  CHECK(error_of([&] { trainer.step(images, labels); }) ==
        "a share of the batch has 9 images, more than micro_batch = 8: cut it into more shares, or take a "
        "larger micro_batch");
  few.micro_batch = 1024;
  Trainer other(few, {1, 12, 12}, start, Shares(2, nullptr));
  CHECK(error_of([&] { other.step(batch(7, 0).first, labels); }) ==
        "14 images are given of a batch of 18, where 18 are expected");
}

TEST_CASE("gradients of several batches make one update with their mean") {
  // By hand from two trainers that make one step of plain SGD each: w - rate (g1 + g2) / 2 is the mean of
  // w - rate g1 and w - rate g2. Without batch_norm, whose averages go with every batch.
  Recipe one = recipe(Precision::f32);
  one.layers = layers_from("[{type = 'dense', units = 6}, {type = 'l2_normalize'}]");
  one.optimizer = component<Optimizer>("type = \"sgd\"\nmomentum = 0.0\nlearning_rate = 0.5");
  Recipe two = one;
  two.accumulate = 2;
  Trainer first(one, {1, 12, 12}, start), second(one, {1, 12, 12}, start), both(two, {1, 12, 12}, start);
  const auto [a, a_labels] = batch(6, 0);
  const auto [b, b_labels] = batch(6, 1);
  first.step(a, a_labels);
  second.step(b, b_labels);
  CHECK(!both.step(a, a_labels).update);
  CHECK(both.updates() == 0);
  const State half = both.save();  // in the middle
  CHECK(both.step(b, b_labels).update);
  CHECK(both.updates() == 1);
  const auto weights = [](Trainer& trainer) {
    return trainer.network().weights().tensors.at("0.dense.weight").values;
  };
  std::vector<float> mean = weights(first);
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = 0.5f * (mean[i] + weights(second)[i]);
  check_close(weights(both), mean, 1e-6);

  Trainer resumed(two, {1, 12, 12}, start);
  resumed.restore(half);
  resumed.step(b, b_labels);
  CHECK(weights(resumed) == weights(both));
}

TEST_CASE("a schedule that counts epochs does so where an epoch ends amid accumulated batches") {
  Recipe accumulated = recipe(Precision::f32);
  accumulated.layers = layers_from("[{type = 'dense', units = 4}, {type = 'l2_normalize'}]");
  accumulated.optimizer = component<Optimizer>("type = \"sgd\"\nlearning_rate = 1.0");
  accumulated.schedule = component<Schedule>("type = \"step\"\nrate = 0.5\nevery = 2\nunit = \"epochs\"");
  accumulated.accumulate = 2;
  accumulated.batches_per_epoch = 3;  // two epochs are three updates
  accumulated.batches = 12;
  Trainer trainer(accumulated, {1, 12, 12}, start);
  const auto [images, labels] = batch(3, 0);
  std::vector<double> rates;
  for (int i = 0; i < 8; ++i)
    if (const Trainer::Outcome done = trainer.step(images, labels); done.update) rates.push_back(done.rate);
  CHECK(rates == std::vector<double>{1.0, 1.0, 1.0, 0.5});
}

TEST_CASE("the average takes in what the distance learns, and is resumed to the same bits") {
  Recipe averaged = recipe(Precision::f32);
  averaged.distance = component<Distance>("type = \"weighted_l1\"");
  averaged.loss = component<Loss>("type = \"bce\"");
  Recipe plain = averaged;
  averaged.average = 0.9;
  Trainer whole(averaged, {1, 12, 12}, start), last(plain, {1, 12, 12}, start),
      second(averaged, {1, 12, 12}, start);
  std::vector<float> expected = last.distance_weights();
  CHECK(whole.distance_weights() == expected);
  const auto [images, labels] = batch(6, 0);
  whole.step(images, labels);
  last.step(images, labels);
  for (std::size_t i = 0; i < expected.size(); ++i)  // d = min(0.9, 1/10)
    expected[i] = 0.1f * expected[i] + 0.9f * last.distance_weights()[i];
  CHECK(whole.distance_weights() != last.distance_weights());
  check_close(whole.distance_weights(), expected, 1e-6);
  second.restore(whole.save());
  CHECK(second.distance_weights() == whole.distance_weights());
  whole.step(images, labels);
  second.step(images, labels);
  CHECK(second.distance_weights() == whole.distance_weights());
}

TEST_CASE("a constraint takes what a distance learns for the weights into one output") {
  Recipe limited = recipe(Precision::f32);
  limited.distance = component<Distance>("type = \"weighted_l1\"");
  limited.loss = component<Loss>("type = \"bce\"");
  limited.tunings = {Tuning{.layers = "distance", .unit_norm = true}};
  Trainer trainer(limited, {1, 12, 12}, start);
  const auto [images, labels] = batch(6, 0);
  trainer.step(images, labels);
  double squares = 0.0;
  for (const float one : trainer.distance_weights()) squares += static_cast<double>(one) * one;
  CHECK(squares == doctest::Approx(1.0).epsilon(1e-5));
}

TEST_CASE("the average of the weights goes out, and is resumed to the same bits") {
  Recipe averaged = recipe(Precision::f32);
  averaged.average = 0.9;
  Trainer whole(averaged, {1, 12, 12}, start), first(averaged, {1, 12, 12}, start),
      second(averaged, {1, 12, 12}, start);
  const NamedTensors before = whole.weights();
  const auto step = [](Trainer& trainer, std::uint64_t i) {
    const auto [images, labels] = batch(6, i);
    trainer.step(images, labels);
  };
  step(whole, 0);
  // d = min(0.9, 1/10): average = 0.1 w0 + 0.9 w1, moving averages of batch_norm included.
  for (const std::string name : {"0.conv.weight", "1.batch_norm.running_mean"}) {
    std::vector<float> expected = before.tensors.at(name).values;
    const std::vector<float> now = whole.network().weights().tensors.at(name).values;
    CHECK(now != expected);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = 0.1f * expected[i] + 0.9f * now[i];
    check_close(whole.weights().tensors.at(name).values, expected, 1e-6);
  }
  step(whole, 1);
  step(first, 0);
  second.restore(first.save());
  step(second, 1);
  CHECK(whole.weights().tensors.at("5.dense.weight").values ==
        second.weights().tensors.at("5.dense.weight").values);
}

TEST_CASE("frozen layers stay, moving averages too, and thaw at their epoch") {
  Recipe frozen = recipe(Precision::f32);
  frozen.batches_per_epoch = 2;
  frozen.tunings = {Tuning{.layers = "[01]\\..*", .frozen = true, .unfreeze_at = 1}};
  Trainer trainer(frozen, {1, 12, 12}, start);
  const NamedTensors before = trainer.network().weights();
  const auto same = [&](const std::string& name) {
    return trainer.network().weights().tensors.at(name).values == before.tensors.at(name).values;
  };
  for (std::uint64_t i = 0; i < 2; ++i) {
    const auto [images, labels] = batch(6, i);
    trainer.step(images, labels);
    for (const char* name : {"0.conv.weight", "1.batch_norm.weight", "1.batch_norm.running_mean"})
      CHECK(same(name));
    CHECK(!same("5.dense.weight"));
  }
  const auto [images, labels] = batch(6, 2);
  trainer.step(images, labels);
  for (const char* name : {"0.conv.weight", "1.batch_norm.weight", "1.batch_norm.running_mean"})
    CHECK(!same(name));
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

TEST_CASE("the two images of a pair can be swapped: the distance stays, to the bit") {
  // Without batch_norm, whose shards hold other images then.
  for (const Precision precision : precisions())
    for (const char* kind : {"l1", "l2", "squared_l2", "cosine", "weighted_l1", "weighted_l2"}) {
      CAPTURE(kind);
      Recipe plain = recipe(precision);
      plain.layers = layers_from(
          "[{type = 'conv', filters = 16}, 'relu', 'max_pool', {type = 'dense', units = 150}, 'sigmoid', "
          "{type = "
          "'dense', units = 20}, 'tanh']");
      plain.distance = component<Distance>("type = \"" + std::string(kind) + "\"");
      plain.loss =
          component<Loss>(plain.distance->gives_logits() ? "type = \"bce\"" : "type = \"contrastive\"");
      const Images images = batch(8, 0).first;
      Images swapped = images;
      std::rotate(swapped.pixels.begin(), swapped.pixels.begin() + 8 * 144, swapped.pixels.end());
      Labels labels;
      labels.same = {1, 0, 0, 1, 0, 1, 1, 0};
      Trainer one(plain, {1, 12, 12}, start), other(plain, {1, 12, 12}, start);
      const std::vector<IndexPair> pairs = plain.loss->pairs(labels);
      const std::vector<float> found =
          distances(*plain.distance, one.network().forward(images), pairs, one.distance_weights());
      CHECK(found ==
            distances(*plain.distance, other.network().forward(swapped), pairs, other.distance_weights()));
      CHECK(found[0] != found[1]);
      CHECK(one.step(images, labels).loss == other.step(swapped, labels).loss);
    }
}

TEST_CASE("there is one set of weights: equal pixels have equal embeddings, before and after steps") {
  for (const Precision precision : precisions()) {
    Recipe pairs = recipe(precision);  // with batch_norm over shards of 4
    pairs.distance = component<Distance>("type = \"l1\"");
    pairs.loss = component<Loss>("type = \"contrastive\"");
    Trainer trainer(pairs, {1, 12, 12}, start);
    Images twins = batch(8, 0).first;
    std::copy_n(twins.image(0), 8 * 144, twins.image(8));
    Labels labels;
    labels.same = {1, 0, 0, 1, 0, 1, 1, 0};
    for (std::uint64_t i = 0; i < 4; ++i) {
      const Embeddings made = trainer.network().forward(twins);
      CHECK(std::equal(made.row(0), made.row(8), made.row(8)));
      CHECK(!std::equal(made.row(0), made.row(1), made.row(1)));
      CHECK(distances(*pairs.distance, made, pairs.loss->pairs(labels)) == std::vector<float>(8, 0.0f));
      trainer.step(batch(8, i).first, labels);
    }
  }
}

TEST_CASE("the gradient of a whole step is the slope of the loss") {
  // A step of plain SGD tells the gradient. The loss, about 1, is good to 1e-6 in f32: divided by twice the
  // step along a random direction, to 1e-4; the third derivative adds as much. No kinks.
  const std::pair<const char*, const char*> kinds[] = {{"cosine", "all_pairs"}, {"weighted_l2", "bce"}};
  for (const auto& [distance, loss] : kinds) {
    CAPTURE(loss);
    Recipe smooth = recipe(Precision::f32);
    smooth.layers = layers_from(
        "[{type = 'conv', filters = 16}, 'batch_norm', 'tanh', 'avg_pool', {type = 'dense', units = 30}, "
        "'sigmoid', {type = 'dense', units = 20}]");
    smooth.distance = component<Distance>("type = \"" + std::string(distance) + "\"");
    smooth.loss = component<Loss>("type = \"" + std::string(loss) + "\"");
    smooth.optimizer = component<Optimizer>("type = \"sgd\"\nmomentum = 0.0\nlearning_rate = 1.0");
    const auto [images, labels] = batch(6, 0);
    const auto state_of = [](const Trainer& trainer) { return NamedTensors{trainer.save().tensors, {}}; };
    const auto stepped = [&](const NamedTensors& weights, NamedTensors& after) {
      Trainer trainer(smooth, {1, 12, 12}, start);
      trainer.start_from(weights, "here");
      const double made = trainer.step(images, labels).loss;
      after = state_of(trainer);
      return made;
    };
    const NamedTensors at = state_of(Trainer(smooth, {1, 12, 12}, start));
    NamedTensors after, unused;
    stepped(at, after);
    Random random(4, 0, 0);
    for (int trial = 0; trial < 5; ++trial) {
      NamedTensors up = at, down = at;
      double expected = 0.0;
      constexpr double step = 3e-3;
      for (const auto& [name, tensor] : at.tensors) {
        if (name.find("running") != std::string::npos) continue;
        for (std::size_t i = 0; i < tensor.values.size(); ++i) {
          const double along = random.normal() / std::sqrt(static_cast<double>(tensor.values.size()));
          up.tensors[name].values[i] += static_cast<float>(step * along);
          down.tensors[name].values[i] -= static_cast<float>(step * along);
          expected += along * (static_cast<double>(tensor.values[i]) - after.tensors[name].values[i]);
        }
      }
      CHECK((stepped(up, unused) - stepped(down, unused)) / (2 * step) ==
            doctest::Approx(expected).epsilon(1e-3).scale(1.0));
    }
  }
}

TEST_CASE("a loss that asks for images beyond its batch, or a rate that is no rate, is named") {
  class Unruly final : public Loss {
   public:
    explicit Unruly(std::vector<IndexPair> pairs) : pairs_(std::move(pairs)) { type = "unruly"; }
    std::vector<IndexPair> pairs(const Labels&) const override { return pairs_; }
    double value(const Labels&, std::span<const IndexPair>, std::span<const float>,
                 std::span<float>) const override {
      return 0.0;
    }

   private:
    std::vector<IndexPair> pairs_;
  };
  const auto with = [](std::vector<IndexPair> pairs, const Labels& labels) {
    Recipe one = recipe(Precision::f32);
    one.loss = std::make_shared<Unruly>(std::move(pairs));
    Trainer trainer(one, {1, 12, 12}, start);
    return error_of([&] { trainer.step(batch(2, 0).first, labels, 1.0); });
  };
  const Labels classes{{0, 0, 1, 1}, {}}, pairs{{}, {1, 0}};
  CHECK(with({{0, 1}, {2, 3}}, classes) == "");
  CHECK(with({{0, 1}, {4, 3}}, classes) ==
        "the loss 'unruly' is wrong: it asks for the pair of images 4 and 3 of a batch of 4");
  CHECK(with({{0, 1}, {2, 4000000000u}}, classes) ==
        "the loss 'unruly' is wrong: it asks for the pair of images 2 and 4000000000 of a batch of 4");
  CHECK(with({{0, 2}, {1, 3}}, pairs) == "");
  CHECK(with({{0, 2}, {1, 3}, {1, 2}}, pairs) ==
        "the loss 'unruly' is wrong: it asks for 3 pairs of a batch of 2");
  CHECK(with({{0, 2}, {0, 3}}, pairs) ==
        "the loss 'unruly' is wrong: it asks for images 0 and 3 as pair 1, which is 1 and 3");

  class Odd final : public Schedule {
   public:
    explicit Odd(double factor) : factor_(factor) { type = "odd"; }
    double shape(const Moment&) const override { return factor_; }

   private:
    const double factor_;
  };
  for (const double factor : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    Recipe one = recipe(Precision::f32);
    one.schedule = std::make_shared<Odd>(factor);
    Trainer trainer(one, {1, 12, 12}, start);
    const auto [images, labels] = batch(2, 0);
    CHECK(error_of([&, &images = images, &labels = labels] {
            trainer.step(images, labels, 1.0);
          }).starts_with("the schedule 'odd' gives update 1 the learning rate "));
  }
}
