#include <tbb/task_arena.h>

#include "components.h"
#include "plugins/twin/one_shot.h"
#include "plugins/twin/one_shot_tasks.h"
#include "twinflow/testing.h"
#include "twinflow/twin/model.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

/// One group; every class is drawn by `drawers` people, `pixel(class, drawer, k)` is pixel k of 16.
template <class Pixel>
Dataset data_set(std::size_t classes, int drawers, const Pixel& pixel) {
  Dataset data;
  data.description = "test letters";
  data.group_word = "alphabet";
  data.groups = {"all"};
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 4;
  for (std::size_t c = 0; c < classes; ++c) {
    data.classes.push_back({"class " + std::to_string(c), 0, {}});
    for (int p = 0; p < drawers; ++p) {
      data.classes.back().images.push_back(store->count());
      data.drawers.push_back(p);
      for (int k = 0; k < 16; ++k) store->pixels.push_back(static_cast<std::uint8_t>(pixel(c, p, k)));
    }
  }
  data.store = store;
  return data;
}

/// Class c lights pixel c, more or less brightly.
Dataset clear_letters(std::size_t classes, int drawers) {
  return data_set(classes, drawers,
                  [](std::size_t c, int p, int k) { return static_cast<std::size_t>(k) == c ? 200 + p : 0; });
}

/// A network without weights: the pixels, made one long.
Model pixels_model(const std::string& distance, const std::vector<float>& distance_weights = {}) {
  Model model;
  model.epoch = 4;
  model.step = 120;
  model.distance = component<Distance>("type = \"" + distance + "\"");
  model.layers = {component<Layer>("type = \"l2_normalize\"")};
  model.image = {1, 4, 4};
  describe_weights(model, {}, distance_weights);
  return model;
}

std::string error_of(const std::string& toml, Dataset data) {
  try {
    Bench bench("twin.evaluate", toml);
    bench.constant("data", std::move(data));
    bench.open();
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("evaluate measures a model that knows everything, and says how") {
  Bench bench("twin.evaluate", "ways = 5\nshots = 2\ntrials = 40");
  bench.constant("data", clear_letters(8, 4));
  const Model model = pixels_model("cosine");
  const Item item{.epoch = 4, .index = 29, .step = 119};
  const Metrics metrics = bench.apply<Metrics>(model, item);
  CHECK(metrics.epoch == 4);
  CHECK(metrics.step == 120);
  CHECK(metrics.model == model.weights);
  CHECK(metrics.protocol ==
        "5-way 2-shot within one alphabet, support and query by different drawers, 40 trials, test letters");
  CHECK(metrics.values.at("accuracy") == 1.0);
  CHECK(metrics.values.at("accuracy_low") == wilson_interval(40, 40).low);
  CHECK(metrics.values.at("accuracy_high") == wilson_interval(40, 40).high);
  CHECK(metrics.values.at("trials") == 40);
  CHECK(metrics.values.at("collapsed") == 0);
  REQUIRE(bench.reported.size() == 1);
  CHECK(bench.reported[0].first.index == 29);
  Numbers reported = bench.reported[0].second;
  CHECK(reported["seconds"] > 0);
  reported.erase("seconds");  // the rest is what monitors get
  CHECK(reported == metrics.values);
  REQUIRE(bench.said.size() == 1);  // the protocol, before any number
  CHECK(bench.said[0] == "bench: " + metrics.protocol + " (with 95 % intervals)");
  for (const auto& [name, value] : metrics.values)  // monitors may watch whatever there is
    CHECK(std::any_of(bench.info().metrics.begin(), bench.info().metrics.end(),
                      [&, &wanted = name](const MetricInfo& one) { return one.name == wanted; }));
}

TEST_CASE("evaluate embeds the images that the tasks name, whatever their number") {
  // About 2,000 random images: more than go through the network at once.
  const Dataset data = data_set(100, 20, [](std::size_t c, int p, int k) {
    Random random(c, static_cast<std::uint64_t>(p), static_cast<std::uint64_t>(k));
    return 1 + random.below(255);
  });
  Bench bench("twin.evaluate", "ways = 5\ntrials = 900", 77);
  bench.constant("data", data);
  const Metrics metrics = bench.apply<Metrics>(pixels_model("squared_l2"), Item{});

  Random random(stream_key(77, "bench", "tasks"), 0, 0);
  const std::vector<Task> tasks = draw_tasks(data, {5, 1, 900}, random);
  CHECK(number_images(tasks).images.size() > 1024);
  Embeddings e(data.store->count(), 16);
  for (std::size_t i = 0; i < e.count; ++i) {
    double squares = 0;
    for (const int pixel : data.store->kept(i)) squares += pixel * pixel;
    for (std::size_t k = 0; k < 16; ++k)
      e.row(i)[k] = static_cast<float>(data.store->kept(i)[k] / std::sqrt(squares));
  }
  const OneShotScore direct = score_tasks(e, tasks, *component<Distance>("type = \"squared_l2\""), {});
  CHECK(metrics.values.at("accuracy") == doctest::Approx(direct.accuracy));
  CHECK(metrics.values.at("accuracy_low") < 0.2);  // chance, for there is nothing to know
  CHECK(metrics.values.at("accuracy_high") > 0.2);

  // Later epochs answer the same tasks.
  const Metrics later =
      bench.apply<Metrics>(pixels_model("squared_l2"), Item{.epoch = 3, .index = 1, .step = 9});
  CHECK(later.values.at("accuracy") == metrics.values.at("accuracy"));
}

TEST_CASE("evaluate answers fixed tasks where the data set has them") {
  Dataset data = clear_letters(4, 2);
  // Image 2 c + p. The second task says that class 3 is way 0, which shows class 2: wrong.
  data.tasks = {{{0, 2, 4}, {0, 1, 2}, {3, 5}, {1, 2}}, {{4, 6, 0}, {0, 1, 2}, {7, 1}, {0, 2}}};
  Bench bench("twin.evaluate", "ways = 7\ntrials = 1000");
  bench.constant("data", data);
  const Metrics metrics = bench.apply<Metrics>(pixels_model("l1"), Item{});
  CHECK(metrics.values.at("accuracy") == 0.75);
  CHECK(metrics.values.at("trials") == 4);
  CHECK(metrics.protocol == "3-way 1-shot, 4 trials of 2 fixed tasks, test letters");

  data.tasks[1].ways[1] = 2;
  CHECK(error_of("", data) == "task 2 of 'test letters' has no support image of way 1");
}

TEST_CASE("evaluate asks a learned distance with the model's weights") {
  const auto accuracy = [](float weight) {
    Bench bench("twin.evaluate", "ways = 4\ntrials = 30");
    bench.constant("data", clear_letters(6, 3));
    std::vector<float> weights(17, weight);
    return bench.apply<Metrics>(pixels_model("weighted_l1", weights), Item{}).values.at("accuracy");
  };
  CHECK(accuracy(1.0f) == 1.0);
  CHECK(accuracy(-1.0f) == 0.0);  // takes the farthest for the nearest
}

TEST_CASE("evaluate reports a collapse, not an accuracy") {
  Bench bench("twin.evaluate", "ways = 5\ntrials = 40");
  bench.constant("data", data_set(8, 3, [](std::size_t, int, int k) { return 10 * k; }));
  const Metrics metrics = bench.apply<Metrics>(pixels_model("cosine"), Item{});
  CHECK(metrics.values.at("collapsed") == 1);
  for (const char* name : {"accuracy", "accuracy_low", "accuracy_high"})
    CHECK(std::isnan(metrics.values.at(name)));
  CHECK(bench.said.back() == "bench: the model of epoch 5 has collapsed: it tells no image from another");
}

TEST_CASE("evaluate refuses data without such tasks before anything runs") {
  CHECK(error_of("ways = 9", clear_letters(8, 3)) ==
        "a 9-way task takes 9 classes of one alphabet; the largest of 'test letters' has 8");
  CHECK(error_of("ways = 1", clear_letters(8, 3)).find("ways") != std::string::npos);
}

TEST_CASE("twin.evaluate says of a list of pairs what it is") {
  Dataset data;
  data.description = "signatures";
  data.pairs = {{0, 1, true}};
  Bench bench("twin.evaluate");
  bench.constant("data", data);
  CHECK_THROWS_WITH_AS(bench.open(),
                       "the data set 'signatures' is a list of pairs; one-shot tasks need classes", Error);
}

TEST_CASE("evaluate refuses images of another shape than the model's, where the graph check knows both") {
  const auto told = [](std::optional<ImageShape> model, std::optional<ImageShape> data) -> std::string {
    try {
      Bench("twin.evaluate", "", 1, {{"model", typeid(Model), model}, {"data", typeid(Dataset), data}});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(told(ImageShape{1, 20, 20}, ImageShape{1, 28, 28})
            .find("error: the model is for images of 1x20x20, but those of this data set are 1x28x28\n") !=
        std::string::npos);
  CHECK(told(ImageShape{1, 20, 20}, ImageShape{1, 20, 20}) == "");
  CHECK(told(std::nullopt, ImageShape{1, 28, 28}) == "");
  CHECK(told(ImageShape{1, 20, 20}, std::nullopt) == "");
}
