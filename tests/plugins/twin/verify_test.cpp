#include <doctest/doctest.h>
#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <atomic>
#include <cmath>
#include <limits>

#include "error_of.h"
#include "plugins/twin/one_shot.h"
#include "small_model.h"
#include "temp_folder.h"
#include "twinflow/dataset.h"
#include "twinflow/metrics.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

/// Sees an image of one pixel as its value, and pairs as far apart as these are.
Model values_model() { return model_of("[{type = 'relu'}]", {1, 1, 1}); }

std::shared_ptr<const PixelStore> pixels(std::vector<std::uint8_t> values) {
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 1;
  store->pixels = std::move(values);
  return store;
}

/// Pairs of a black image with one of each value: what is so dark is the same, or different.
Dataset listed(const std::vector<std::uint8_t>& same, const std::vector<std::uint8_t>& different) {
  Dataset data;
  data.description = "signatures";
  std::vector<std::uint8_t> values = {0};
  for (const auto* some : {&same, &different})
    for (const std::uint8_t value : *some) {
      data.pairs.push_back({0, values.size(), some == &same});
      values.push_back(value);
    }
  data.store = pixels(values);
  return data;
}
Dataset eight() { return listed({10, 20, 40, 50}, {30, 40, 60, 80}); }

/// Two alphabets of five letters by three people; `pixel(letter, person)`.
template <class Pixel>
Dataset letters(const Pixel& pixel) {
  Dataset data;
  data.description = "letters";
  data.group_word = "alphabet";
  data.groups = {"a", "b"};
  std::vector<std::uint8_t> values;
  for (std::size_t c = 0; c < 10; ++c) {
    data.classes.push_back({std::to_string(c), c / 5, {}});
    for (std::int32_t person = 0; person < 3; ++person) {
      data.classes.back().images.push_back(values.size());
      data.drawers.push_back(person);
      values.push_back(static_cast<std::uint8_t>(pixel(c, person)));
    }
  }
  data.store = pixels(values);
  return data;
}
Dataset clear_letters() {
  return letters(
      [](std::size_t c, std::int32_t person) { return 20 * c + static_cast<std::size_t>(person); });
}

/// In a folder of its own; the last step of its run is item 9 of epoch 0.
struct Verifier : Bench {
  TempFolder temp;
  explicit Verifier(Dataset data, const std::string& toml = "", std::uint64_t seed = 1)
      : Bench("twin.verify", toml, seed) {
    directory = temp.path;
    constant("data", std::move(data));
  }
  Verifier(Dataset data, Dataset validation, const std::string& toml = "") : Verifier(std::move(data), toml) {
    constant("validation", std::move(validation));
  }
  Numbers measure(const Model& model = values_model()) {
    process(model, {.index = 9});
    return outputs<Metrics>("metrics").back().values;
  }
  std::string error() {
    return error_of([&] { open(); });
  }
};

std::string problem_of(const std::string& toml, std::vector<FedInput> fed = {}) {
  const std::string text = error_of([&] { Bench("twin.verify", toml, 1, std::move(fed)); });
  return text.substr(std::min(text.size(), text.find("error: ")));
}

}  // namespace

TEST_CASE("verify measures judged pairs, by a threshold of their own") {
  Verifier bench(eight());
  Model model = values_model();
  model.epoch = 4, model.step = 120;
  bench.process(model, {.epoch = 0, .index = 9, .step = 119});
  const Metrics metrics = bench.outputs<Metrics>("metrics").at(0);
  CHECK(metrics.node == "bench");
  CHECK(metrics.epoch == 4);
  CHECK(metrics.step == 120);
  CHECK(metrics.model == model.weights);
  CHECK(metrics.protocol == "8 judged pairs, signatures; threshold chosen on these very pairs");
  Numbers values = metrics.values;  // worked out in verification_test.cpp
  CHECK(values["accuracy"] == 0.75);
  CHECK(values["accuracy_low"] == wilson_interval(6, 8).low);
  CHECK(values["accuracy_high"] == wilson_interval(6, 8).high);
  CHECK(values["auc"] == 12.5 / 16);
  CHECK(values["eer"] == 0.375);
  CHECK(values["threshold"] == doctest::Approx(25.0 / 255).epsilon(1e-6));
  CHECK(values["true_accept_rate"] == 0.5);
  CHECK(values["false_accept_rate"] == 0.0);
  CHECK(values["collapsed"] == 0.0);
  REQUIRE(bench.reported.size() == 1);
  CHECK(bench.reported[0].first.step == 119);
  Numbers reported = bench.reported[0].second;
  CHECK(reported["seconds"] > 0);
  reported.erase("seconds");
  CHECK(reported == values);
  for (const auto& [name, value] : values)  // monitors may watch whatever there is
    CHECK(std::any_of(bench.info().metrics.begin(), bench.info().metrics.end(),
                      [&, &wanted = name](const MetricInfo& one) { return one.name == wanted; }));
  REQUIRE(bench.said.size() == 1);  // the protocol, before any number
  CHECK(bench.said[0] == "bench: " + metrics.protocol);
  const std::string roc = read_file(bench.temp.path / "bench_roc.csv");
  CHECK(roc.starts_with("threshold,false_accept_rate,true_accept_rate\n-inf,0,0\n"));
  CHECK(roc.ends_with(",1,1\n"));
  CHECK(std::count(roc.begin(), roc.end(), '\n') == 9);
}

TEST_CASE("verify chooses the threshold on other pairs, where it is given some") {
  // Up to 45, three of four same ones are accepted, and two of four different ones.
  const auto check = [](Verifier& bench) {
    Numbers values = bench.measure();
    CHECK(values["threshold"] == doctest::Approx(45.0 / 255).epsilon(1e-6));
    CHECK(values["accuracy"] == 5.0 / 8);
    CHECK(values["true_accept_rate"] == 0.75);
    CHECK(values["false_accept_rate"] == 0.5);
    CHECK(values["auc"] == 12.5 / 16);
    CHECK(values["eer"] == 0.375);
    CHECK(bench.outputs<Metrics>("metrics")[0].protocol ==
          "8 judged pairs, signatures; threshold chosen on 4 judged pairs, others");
  };
  Dataset others = listed({10, 40}, {50, 60});
  others.description = "others";
  Verifier bench(eight(), others);
  check(bench);

  // The same as parts of one list, which share images: 0 10 20 40 50 30 40 60 80.
  const Dataset data = eight();
  others.store = data.store;
  others.pairs = {{0, 1, true}, {0, 3, true}, {0, 4, false}, {0, 7, false}};
  Verifier parts(data, others);
  check(parts);
}

TEST_CASE("verify embeds each image once, whatever the pairs") {
  Dataset data = clear_letters();
  std::vector<std::atomic<int>> looked(30);
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 1;
  store->decoded_count = 30;
  store->decode = [&, kept = data.store](std::size_t image, std::uint8_t* to) {
    ++looked[image];
    *to = kept->kept(image)[0];
  };
  data.store = store;
  Dataset validation = data;
  data.classes.resize(5);
  Verifier bench(data, validation, "pairs = 500");
  bench.measure();
  for (const auto& times : looked) CHECK(times == 1);
}

TEST_CASE("verify draws pairs from classes once, from the seed, and says how") {
  Verifier bench(clear_letters(), letters([](std::size_t c, int) { return 20 * c; }),
                 "pairs = 40\nsame_fraction = 0.25\nnegatives_in_group = 1");
  Numbers values = bench.measure();
  CHECK(values["accuracy"] == 1.0);
  CHECK(values["auc"] == 1.0);
  CHECK(values["eer"] == 0.0);
  CHECK(values["true_accept_rate"] == 1.0);
  CHECK(values["false_accept_rate"] == 0.0);
  const std::string words = "10 same pairs by two people and 30 different ones within one alphabet, letters";
  CHECK(bench.outputs<Metrics>("metrics")[0].protocol ==
        words + "; threshold chosen on as many pairs of letters");

  // A hard set, so that other pairs give another area; later models judge the same ones.
  const auto area = [&](std::uint64_t seed) {
    Verifier hard(letters([](std::size_t c, int person) { return (37 * c + 71u * person) % 251; }), "", seed);
    const double first = hard.measure()["auc"];
    CHECK(hard.measure()["auc"] == first);
    return first;
  };
  CHECK(area(1) == area(1));
  CHECK(area(1) != area(2));

  Verifier any(clear_letters(), "pairs = 10");
  any.open();
  CHECK(
      any.said[0] ==
      "bench: 5 same pairs by two people and 5 different ones of any two classes, letters; threshold chosen "
      "on these very pairs");
  Verifier some(clear_letters(), "pairs = 10\nnegatives_in_group = 0.25");
  some.open();
  CHECK(some.said[0].find("5 different ones within one alphabet with probability 0.25, letters") !=
        std::string::npos);
}

TEST_CASE("verify of what knows nothing is near chance") {
  Random random(5, 0, 0);
  Verifier bench(letters([&](std::size_t, int) { return random.below(256); }), "pairs = 20000");
  Numbers values = bench.measure();
  CHECK(std::abs(values["auc"] - 0.5) < 0.15);  // of 30 images, chosen by chance
  CHECK(std::abs(values["eer"] - 0.5) < 0.15);
  CHECK(values["accuracy"] < 0.7);
}

TEST_CASE("verify reports a collapse, not an accuracy") {
  Verifier bench(letters([](std::size_t, int) { return 7; }));
  Numbers values = bench.measure();
  CHECK(values["collapsed"] == 1.0);
  for (const char* name : {"accuracy", "accuracy_low", "accuracy_high", "auc", "eer", "threshold",
                           "true_accept_rate", "false_accept_rate"})
    CHECK(std::isnan(values.at(name)));
  CHECK(bench.said.back() ==
        "bench: all images have the same pixels, so that no model can tell them apart: look at the files");
  Verifier collapsed(clear_letters());
  collapsed.measure(model_of("[{type = 'clip', low = 2.0, high = 3.0}]", {1, 1, 1}));
  CHECK(collapsed.said.back() == "bench: the model of epoch 1 has collapsed: it tells no image from another");
}

TEST_CASE("verify sends the images through the maps that are named") {
  Bench stretch("augment.normalize", "mode = 'fixed'\nmean = [0.0]\nstd = [0.5]");
  Verifier bench(eight());
  bench.pass_through("through", stretch);
  CHECK(bench.measure()["threshold"] == doctest::Approx(2 * 25.0 / 255).epsilon(1e-6));
  Dataset color = eight();
  auto store = std::make_shared<PixelStore>(*color.store);
  store->width = 3, store->pixels.resize(27);
  color.store = store;
  Verifier wide(color);
  wide.open();
  CHECK_THROWS_WITH_AS(wide.process(values_model(), Item{}),
                       "the model is for images of 1x1x1, but these are 1x1x3; read them with size = 1",
                       Error);
}

TEST_CASE("verify measures each so many-th model, and that of the last step, across a resume") {
  const auto steps = [](std::size_t resumed_after) {
    auto bench = std::make_unique<Verifier>(eight(), "every = 3");
    std::vector<std::uint64_t> measured;
    const auto collect = [&] {
      for (const Metrics& one : bench->outputs<Metrics>("metrics")) measured.push_back(one.step);
    };
    bench->steps_per_epoch = 8;
    for (std::size_t i = 0; i < 8; ++i) {
      if (i == resumed_after) {
        const State state = bench->save();
        collect();
        bench = std::make_unique<Verifier>(eight(), "every = 3");
        bench->steps_per_epoch = 8;
        bench->restore(state);
      }
      Model model = values_model();
      model.step = i + 1;
      bench->process(model, {.index = i});
    }
    collect();
    return measured;
  };
  for (const std::size_t resumed_after : {0, 1, 2, 3, 5, 7, 9}) {
    CAPTURE(resumed_after);
    CHECK(steps(resumed_after) == std::vector<std::uint64_t>{3, 6, 8});
  }
}

TEST_CASE("verify gives the same bits for 1, 2 and 8 threads") {
  std::string first_file;
  Numbers first;
  for (const int threads : {1, 2, 8}) {
    const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                      static_cast<std::size_t>(threads));
    tbb::task_arena(threads).execute([&] {
      Verifier bench(letters([](std::size_t c, int person) { return (37 * c + 71u * person) % 251; }));
      const Numbers values = bench.measure(model_of("[{type = 'dense', units = 7}]", {1, 1, 1}, "l2"));
      const std::string file = read_file(bench.temp.path / "bench_roc.csv");
      if (first.empty()) first = values, first_file = file;
      CHECK(values == first);
      CHECK(file == first_file);
    });
  }
}

TEST_CASE("verify refuses data that tell nothing, before anything runs") {
  CHECK(Verifier(Dataset{}).error() == "the data set '' holds neither pairs nor classes");
  CHECK(Verifier(listed({10}, {})).error() ==
        "the data set 'signatures' lists no different pair: there is nothing to tell apart");
  CHECK(Verifier(listed({}, {10})).error() ==
        "the data set 'signatures' lists no same pair: there is nothing to tell apart");
  Dataset beyond = eight();
  beyond.pairs[2].right = 99;
  CHECK(Verifier(beyond).error() == "the data set 'signatures' has a pair of image 99, but there are 9");
  Dataset one = clear_letters();
  one.classes.resize(1);
  CHECK(Verifier(one).error() == "the data set 'letters' has 1 class; a different pair takes 2");
  CHECK(Verifier(clear_letters(), one).error() ==
        "the data set 'letters' has 1 class; a different pair takes 2");
  Dataset wide = clear_letters();
  auto store = std::make_shared<PixelStore>(*wide.store);
  store->width = 2, store->pixels.resize(60);
  wide.store = store;
  wide.description = "wide letters";
  CHECK(Verifier(eight(), wide).error() ==
        "the images of data, 'signatures', are 1x1x1, but those of validation, 'wide letters', are 1x1x2");
}

TEST_CASE("verify's distances are finite, or it says so") {
  Verifier bench(eight());
  Model good = model_of("[{type = 'dense', units = 1}]", {1, 1, 1});
  Model huge = model_of("[{type = 'dense', units = 1}]", {1, 1, 1});
  NamedTensors weights = *huge.weights;
  weights.tensors["0.dense.weight"].values[0] = std::numeric_limits<float>::infinity();
  huge.weights = std::make_shared<const NamedTensors>(std::move(weights));
  good.step = 1;
  huge.epoch = 2, huge.step = 7;
  const std::string says =
      "the model of epoch 3, of 7 updates, gives distances that are not finite numbers, though its weights "
      "are: they are too large; a smaller learning_rate, or clip_global_norm, may help. ";
  CHECK(error_of([&] { bench.process(huge); }) == says + "This process has seen no good model before");
  bench.measure(good);
  const auto file = bench.temp.path / "bench_last_good.safetensors";
  CHECK(error_of([&] { bench.process(huge); }) ==
        says + "The last good model, of 1 update, is " + file.string());
  CHECK(read_safetensors(file).tensors.at("0.dense.weight").values ==
        good.weights->tensors.at("0.dense.weight").values);
}

TEST_CASE("verify's check") {
  CHECK(problem_of("same_fraction = 0.0")
            .starts_with("error: of 2000 pairs, none would be same ones; at least one has to be the same, "
                         "and one different\n"));
  CHECK(problem_of("pairs = 4\nsame_fraction = 0.9").find("of 4 pairs, all would be same ones") !=
        std::string::npos);
  const ImageShape small{1, 20, 20}, large{1, 28, 28};
  const FedInput model{"model", typeid(Model), small}, data{"data", typeid(Dataset), small};
  CHECK(problem_of("", {model, data}) == "");
  CHECK(problem_of("", {model, data, {"validation", typeid(Dataset), small}}) == "");
  CHECK(problem_of("", {model, data, {"validation", typeid(Dataset), large}}) ==
        "error: the model is for images of 1x20x20, but those of this data set are 1x28x28; read them with "
        "size = 20\n");
  CHECK(problem_of("", {{"model", typeid(Model), small, {"norm"}}, data}).find("through = [\"norm\"]") !=
        std::string::npos);
}
