#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "temp_folder.h"
#include "twinflow/batch_form.h"
#include "twinflow/images.h"
#include "twinflow/testing.h"
#include "twinflow/twin/model.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

const char* const small =
    "layer = [{type = 'conv', filters = 16}, {type = 'relu'}, {type = 'dense', units = 8}, {type = "
    "'l2_normalize'}]\n"
    "shard = 4\n";

ImageBatch classes(std::size_t count) {
  ImageBatch batch{Images(2 * count, 1, 8, 8), {}, count};
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
  const TempFolder folder;
  Bench bench("twin.train", std::string(small) + "optimizer = {type = 'sgd', learning_rate = 1e300}");
  bench.directory = folder.path;
  const auto failure = [](const auto& act) -> std::string {
    try {
      act();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  bench.process(classes(5), Item{});
  std::string said = failure([&] { bench.finish_epoch({}); });
  CHECK(said.starts_with("after update 1 the weights '"));
  CHECK(
      said.ends_with("' are not finite numbers; a smaller learning_rate, or clip_global_norm, may help. This "
                     "process has seen no good model before"));

  // Weights that are finite, but so large that they give such a loss, are not good either.
  Bench later("twin.train", std::string(small) + "optimizer = {type = 'sgd', learning_rate = 1.0}\n" +
                                "schedule = {type = 'piecewise', boundaries = [2], factors = [1e-3, 1e30]}");
  later.directory = folder.path;
  later.steps_per_epoch = 1;
  later.epochs = 4;
  for (std::uint64_t i = 0; i < 2; ++i) {
    later.process(classes(5), Item{i, 0, i});
    later.finish_epoch({});
  }
  later.process(classes(5), Item{2, 0, 2});  // with the huge rate
  later.finish_epoch({});
  said = failure([&] { later.process(classes(5), Item{3, 0, 3}); });
  CHECK(says(said, "The last good model, of 2 updates, is "));
  CHECK(std::filesystem::exists(folder.path / "bench_last_good.safetensors"));
}

TEST_CASE("a batch without images is refused") {
  Bench bench("twin.train", small);
  CHECK_THROWS_WITH_AS(bench.process(classes(0), Item{}), doctest::Contains("the batch has no images"),
                       Error);
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

TEST_CASE("a schedule that goes by the length of the run is refused where there is none") {
  const auto open_ended = [](const std::string& schedule) {
    Bench bench("twin.train", std::string(small) + "schedule = " + schedule);
    Problems problems;
    const Value nothing;
    bench.info().check(&bench.node(), Checking(nothing, nothing.place, problems, {}, true));
    return problems.empty() ? "" : problems.list().front().message;
  };
  for (const char* goes_on : {"'constant'", "'step'", "'exponential'", "{type = 'time_decay', decay = 1e-3}",
                              "{type = 'piecewise', boundaries = [2], factors = [1.0, 0.5]}",
                              "{type = 'cosine', period = 50, warmup = 0.0}"})
    CHECK(open_ended(goes_on) == "");
  const std::string advice =
      "), and epochs are unlimited: say epochs = N or max_steps = N in [run], or take a schedule that goes "
      "on, "
      "such as constant or step";
  const auto needs = [&](const std::string& type, const std::string& why) {
    return "the schedule " + type + " needs to know how long the run is (" + why + advice;
  };
  CHECK(open_ended("{type = 'cosine', warmup = 0.0}") ==
        needs("cosine", "without a period it falls until the end of the run"));
  CHECK(open_ended("{type = 'cosine', period = 50}") ==
        needs("cosine", "its warmup is a part of all updates"));
  CHECK(open_ended("{type = 'constant', warmup = 0.1}") ==
        needs("constant", "its warmup is a part of all updates"));
  CHECK(open_ended("'one_cycle'") == needs("one_cycle", "its cycle is the whole run"));
  CHECK(open_ended("'polynomial'") == needs("polynomial", "it falls until the end of the run"));
  CHECK(open_ended("'time_decay'") ==
        needs("time_decay", "without a decay it falls to a hundredth at the end of the run"));
}

TEST_CASE("training goes on without end") {
  Bench bench("twin.train", std::string(small) + "accumulate = 2\nschedule = {type = 'step', every = 1}");
  bench.epochs = endless;
  for (std::uint64_t i = 0; i < 4; ++i) bench.process(classes(3), Item{0, i, i});
  CHECK(bench.reported.at(3).second.at("learning_rate") ==
        doctest::Approx(0.1 * bench.reported.at(0).second.at("learning_rate")));
  for (const std::string& line : bench.said) CHECK(!says(line, "make no update"));
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
  CHECK(says(problems("[[layer]]\ntype = 'conv'\nfilters = 10000000000", small_images),
             "layer 0 (conv): an image of 10000000000x12x12 is too large"));
  CHECK(says(problems("network = 'mlp'\noptimizer = {learning_rate = 0.1}"),
             "an optimizer is written as its name or as { type"));
  CHECK(
      problems("network = 'koch2015'\nloss = 'bce'\ndistance = 'weighted_l1'", {{"batch", typeid(PairBatch)}})
          .empty());
}

TEST_CASE("batches that hold no pairs of one class, or none of two, are refused before anything runs") {
  const auto with = [](BatchForm form, const std::string& toml) {
    Bench bench("twin.train", "network = 'conv4'\n" + toml);
    const Value table;
    Problems problems;
    dynamic_cast<const LearnsFromBatches&>(bench.node())
        .check_batches(Checking(table, table.place, problems), form);
    return problems.str();
  };
  const std::string contrastive = "loss = 'contrastive'\ndistance = 'l2'", proxies = "proxies = {}";
  CHECK(with({2, 2}, "").empty());
  CHECK(with({2, 2}, contrastive).empty());
  for (const std::string& toml : {std::string(), contrastive, proxies}) {
    CHECK(says(with({1, 20}, toml),
               "compares images of two classes, but every batch is of one class: draw two or "
               "more classes a batch (classes_per_batch)"));
    CHECK(says(with({48, 1}, toml),
               "compares images of one class, but every batch has one image of each class: "
               "draw two or more (samples_per_class)"));
  }
  // Proxies compare each image with its class; contrastive then works with pairs of two classes alone.
  CHECK(with({48, 1}, "loss = 'contrastive'\nproxies = {}").empty());
}

TEST_CASE("a step that cannot be made ends the run, and the last good model is kept") {
  const TempFolder folder;
  Bench bench("twin.train", std::string(small) + "optimizer = {type = 'sgd', learning_rate = 0.1}");
  bench.directory = folder.path;
  bench.steps_per_epoch = 2;
  bench.epochs = 2;
  bench.process(classes(5), Item{});
  bench.finish_epoch({});
  bench.process(classes(5), Item{1, 0, 1});  // the epoch's model is good for a step
  bench.finish_epoch({});
  ImageBatch broken = classes(5);
  broken.images.pixels[3] = std::numeric_limits<float>::quiet_NaN();
  const std::filesystem::path file = folder.path / "bench_last_good.safetensors";
  try {
    bench.process(broken, Item{2, 0, 2});
    FAIL("the step was made");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(says(text, "of update 3 is not"));
    CHECK(
        says(text,
             "a smaller learning_rate, or clip_global_norm, may help. The last good model, of 1 update, is " +
                 file.string()));
  }
  const auto kept = read_safetensors(file);
  CHECK(kept.tensors.at("2.dense.weight").values ==
        bench.emitted.at(0).second.take<Model>().weights->tensors.at("2.dense.weight").values);
  CHECK(kept.metadata.contains("network"));
}

TEST_CASE("a collapse is said once, whether images or network are at fault, and so is its end") {
  // Without a bias images of zeros have embeddings of zeros.
  Bench bench("twin.train",
              "layer = [{type = 'dense', units = 4, bias = false}]\ndistance = 'squared_l2'\n"
              "loss = 'contrastive'\n");
  ImageBatch black = classes(3);
  std::fill(black.images.pixels.begin(), black.images.pixels.end(), 0.0f);
  const auto told = [&] { return std::pair(bench.said.size(), bench.said.empty() ? "" : bench.said.back()); };
  bench.process(classes(3), Item{});
  const std::size_t before = bench.said.size();
  bench.process(black, Item{0, 1, 1});
  bench.process(black, Item{0, 2, 2});
  CHECK(told() == std::pair(before + 1, std::string("bench: since epoch 1, step 2, all images have the same "
                                                    "embedding: they have the same pixels; look at the files "
                                                    "and at what augmentation makes of them")));
  bench.process(classes(3), Item{0, 3, 3});
  CHECK(told() == std::pair(before + 2, std::string("bench: embeddings differ again")));

  Bench collapsed("twin.train",
                  "layer = [{type = 'dense', units = 4}, {type = 'clip', low = 100.0, high = 101.0}]\n"
                  "distance = 'squared_l2'\nloss = 'contrastive'\n");
  collapsed.process(classes(3), Item{});
  CHECK(collapsed.said.back() ==
        "bench: since epoch 1, step 1, all images have the same embedding: the network has collapsed");
}

TEST_CASE("training starts from a file, as far as it fits") {
  const TempFolder folder;
  const std::string file = (folder.path / "first.safetensors").string();
  Bench first("twin.train", std::string(small) + "optimizer = {type = 'sgd', learning_rate = 0.1}");
  first.process(classes(5), Item{});
  first.finish_epoch({});
  const Model trained = first.emitted.at(0).second.take<Model>();
  write_safetensors(file, *trained.weights);

  Bench second(
      "twin.train",
      "layer = [{type = 'conv', filters = 16}, {type = 'relu'}, {type = 'dense', units = 5}]\nshard = 4\n"
      "optimizer = {type = 'sgd', learning_rate = 0.0}\nweights = '" +
          file + "'",
      7);
  second.process(classes(5), Item{});
  second.finish_epoch({});
  const Model tuned = second.emitted.at(0).second.take<Model>();
  CHECK(tuned.weights->tensors.at("0.conv.weight").values ==
        trained.weights->tensors.at("0.conv.weight").values);
  bool told = false;
  for (const std::string& line : second.said)
    told |= line == "bench starts from " + file +
                        ": kept: 0.conv; other shape: 2.dense (8x1024 in the file, 5x1024 here)";
  CHECK(told);

  Bench colored("twin.train", std::string(small) + "weights = '" + file + "'");
  ImageBatch of_color = classes(5);
  of_color.images = Images(10, 3, 8, 8);
  std::fill(of_color.images.pixels.begin(), of_color.images.pixels.end(), 0.5f);
  colored.process(of_color, Item{});
  CHECK(std::find(colored.said.begin(), colored.said.end(),
                  "bench: " + file +
                      " was trained on images of 1x8x8, but these are 3x8x8: what sees them learns anew, "
                      "unless they are read with color_mode = \"grey\"") != colored.said.end());

  Bench missing("twin.train", std::string(small) + "weights = '" + file + "x'");
  CHECK_THROWS_WITH_AS(missing.process(classes(5), Item{}), ("cannot open '" + file + "x'").c_str(), Error);
}

TEST_CASE("a monitor's factor slows training down") {
  Bench bench("twin.train", std::string(small) + "optimizer = {type = 'sgd', learning_rate = 0.5}");
  bench.board["learning_rate_factor"].now = 0.25;
  bench.process(classes(5), Item{});
  CHECK(bench.reported.at(0).second.at("learning_rate") == doctest::Approx(0.125));
}

TEST_CASE("it tells how well pairs are told apart, and the gradient's length") {
  Bench bench("twin.train", std::string(small) + "[[tune]]\nlayers = '.*dense'\nl2 = 0.01\n");
  bench.process(classes(5), Item{});
  bench.process(classes(5), Item{0, 1, 1});
  const Numbers& told = bench.reported.at(1).second;
  CHECK(told.at("pair_accuracy") >= 0.5);
  CHECK(told.at("pair_accuracy") <= 1.0);
  CHECK(told.at("gradient_norm") > 0.0);
  CHECK(told.at("penalty") > 0.0);
  CHECK(told.at("waiting") >= 0.0);
  CHECK(told.at("waiting") < 1.0);
}

TEST_CASE("more batches for an update than the run has are refused; a rest is told of") {
  Bench never("twin.train", std::string(small) + "accumulate = 11");
  CHECK_THROWS_WITH_AS(never.process(classes(5), Item{}),
                       "accumulate = 11 is more than the 10 batches of the run: there would be no update",
                       Error);
  Bench rest("twin.train", std::string(small) + "accumulate = 4");
  rest.process(classes(5), Item{});
  CHECK(std::count(rest.said.begin(), rest.said.end(),
                   "bench: the last 2 batches make no update: accumulate = 4 does not divide the run's 10") ==
        1);
}

TEST_CASE("what limits the gradient is one thing, and a pattern names layers that are there") {
  CHECK(says(problems("network = 'conv4'\nclip_value = 1.0\nclip_norm = 1.0"),
             "only one of clip_value, clip_norm and clip_global_norm can be given"));
  CHECK(problems("network = 'mlp'\n[[tune]]\nlayers = '.*'\n[[tune]]\nlayers = 'x'\nmomentum = 0.5") ==
        "bench.toml:6:12: error: the optimizer adamw has no momentum\n"
        "  momentum = 0.5\n             ^\n");
  Bench bench("twin.train", std::string(small) + "[[tune]]\nlayers = 'dense'\nfrozen = true\n");
  CHECK_THROWS_WITH_AS(bench.process(classes(5), Item{}),
                       "no layer that learns is named 'dense' (there are 0.conv, 2.dense)", Error);
}

TEST_CASE("a model goes out within an epoch, too, and not twice at its end") {
  const auto steps = [](const std::string& toml) {
    Bench bench("twin.train", small + toml);
    bench.epochs = 2, bench.steps_per_epoch = 6;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
    for (std::uint64_t i = 0; i < 12; ++i) {
      const Item item{i / 6, i % 6, i};
      bench.process(classes(5), item);
      if (item.index == 5) bench.finish_epoch(item);
    }
    for (const Model& model : bench.outputs<Model>("model")) all.emplace_back(model.epoch, model.step);
    return all;
  };
  using Steps = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  CHECK(steps("") == Steps{{0, 6}, {1, 12}});
  CHECK(steps("model_every = 2") == Steps{{0, 2}, {0, 4}, {0, 6}, {1, 8}, {1, 10}, {1, 12}});
  CHECK(steps("model_every = 4") == Steps{{0, 4}, {0, 6}, {1, 8}, {1, 12}});
  CHECK(steps("model_every = 2\naccumulate = 2") == Steps{{0, 2}, {0, 3}, {1, 4}, {1, 6}});
}

TEST_CASE("models within an epoch do not change the training, and a resumed one gives out the same") {
  const std::string averaged = std::string(small) + "weight_average = 0.5\nmodel_every = 2\n";
  const auto train = [](Bench& bench, std::uint64_t from, std::uint64_t to) {
    bench.epochs = 2, bench.steps_per_epoch = 5;
    for (std::uint64_t i = from; i < to; ++i) {
      const Item item{i / 5, i % 5, i};
      bench.process(classes(5), item);
      if (item.index == 4) bench.finish_epoch(item);
    }
    return bench.outputs<Model>("model");
  };
  const auto same = [](const Model& a, const Model& b) {
    if (a.step != b.step || a.epoch != b.epoch) return false;
    for (const auto& [name, tensor] : a.weights->tensors)
      if (b.weights->tensors.at(name).values != tensor.values) return false;
    return true;
  };
  Bench plain("twin.train", std::string(small) + "weight_average = 0.5"), whole("twin.train", averaged);
  const auto ends = train(plain, 0, 10), all = train(whole, 0, 10);
  REQUIRE(all.size() == 6);  // updates 2, 4, 5, 6, 8 and 10
  CHECK(same(ends.at(0), all[2]));
  CHECK(same(ends.at(1), all[5]));
  CHECK(!same(all[0], all[1]));
  for (const std::uint64_t cut : {1, 2, 3, 7}) {
    Bench begun("twin.train", averaged), resumed("twin.train", averaged);
    std::vector<Model> both = train(begun, 0, cut);
    resumed.epochs = 2, resumed.steps_per_epoch = 5;
    resumed.restore(begun.save());
    for (Model& one : train(resumed, cut, 10)) both.push_back(std::move(one));
    REQUIRE(both.size() == all.size());
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(same(both[i], all[i]));
  }
}

TEST_CASE("weights that are no numbers end the run within an epoch, too") {
  Bench bench("twin.train",
              std::string(small) + "model_every = 1\noptimizer = {type = 'sgd', learning_rate = 1e300}");
  CHECK_THROWS_WITH_AS(bench.process(classes(5), Item{}), doctest::Contains("after update 1 the weights '"),
                       Error);
}

TEST_CASE("proxies are trained beside the pairs, and want classes that are numbered once for all") {
  Bench bench("twin.train", std::string(small) +
                                "proxies = {scale = 8.0}\n"
                                "optimizer = {type = 'adamw', learning_rate = 0.01}");
  bench.epochs = 1;
  bench.steps_per_epoch = 30;
  for (std::uint64_t i = 0; i < 30; ++i) bench.process(classes(5), Item{0, i, i});
  const double before = bench.reported.front().second.at("proxy_loss"),
               after = bench.reported.back().second.at("proxy_loss");
  CHECK(before > 0.5);
  CHECK(after < 0.5 * before);

  ImageBatch batch = classes(5);
  batch.class_count = 0;
  Bench unnumbered("twin.train", std::string(small) + "proxies = {}");
  CHECK_THROWS_WITH_AS(unnumbered.process(batch, Item{}),
                       doctest::Contains("proxies need batches that number"), Error);
  CHECK(says(problems(std::string(small) + "proxies = {}\ndistance = 'l1'"),
             "proxies are compared by angles: they need the distance cosine, not l1"));
  CHECK(says(problems("network = 'mlp'\nproxies = {}", {{"batch", typeid(PairBatch)}}),
             "proxies need batches of classes, but \"batch\" is fed with pairs"));
  const std::vector<FedInput> known = {{"batch", typeid(ImageBatch), ImageShape{1, 8, 8}}};
  const std::string tuned = std::string(small) + "tune = [{layers = 'proxies', l2 = 0.1}]\n";
  CHECK(problems(tuned + "proxies = {}", known) == "");
  CHECK(says(problems(tuned, known), "proxies"));
}
