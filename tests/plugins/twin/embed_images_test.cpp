#include "plugins/twin/embed_images.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>

#include "error_of.h"
#include "plan.h"
#include "small_model.h"
#include "temp_folder.h"
#include "twinflow/error.h"
#include "twinflow/plugin.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

/// Images of 6 x 6, each of another noise.
std::shared_ptr<const PixelStore> many_images(std::size_t count) {
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 6;
  Random random(3, 0, 0);
  for (std::size_t i = 0; i < count * 36; ++i)
    store->pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
  return store;
}

/// Gives out what came of its images: a node as twin.verify is.
class Embedding final : public Map<Model, Model> {
 public:
  static void describe(NodeSpec<Embedding>& spec) {
    spec.summary("Embeds images.");
    spec.input("model");
    spec.input("data", &Embedding::data).doc("images");
    spec.input("through", &Embedding::through).doc("maps");
    spec.check(&Embedding::check);
  }
  void check(const Checking& checking) const { check_images(checking, "through", through, {"data"}); }
  Model apply(Model model, const Item&) const override {
    last = embed_images(model, data->store, images, through, copy);
    return model;
  }

  static inline std::vector<std::size_t> images;
  static inline std::size_t copy = 0;
  static inline Embeddings last;

 private:
  std::shared_ptr<const Dataset> data;
  Passage through;
};

/// A model that the check knows was made behind these nodes, for images of that shape.
std::string problem_of(std::vector<std::string> prepared, std::optional<ImageShape> model,
                       std::optional<ImageShape> data) {
  const std::string text = error_of([&] {
    Bench("embed_images.embedding", "", 1,
          {{"model", typeid(Model), model, std::move(prepared)}, {"data", typeid(Dataset), data}});
  });
  return text.substr(std::min(text.size(), text.find("error: ")));
}

/// What the check says of a graph that trains behind the nodes of `from`.
std::string problems_of(const std::string& from, const std::string& through, int size = 8) {
  const TempFolder temp;
  Problems problems;
  make_plan(temp.write("graph.toml", fmt::format(R"(
[node.glyphs]
type = "data.glyphs"
size = {}
[node.batches]
type = "sample.classes"
from = "glyphs.train"
[node.small]
type = "augment.resize"
from = "batches"
size = 8
[node.dark]
type = "augment.invert"
from = "small"
[node.turned]
type = "augment.affine"
from = "dark"
[node.twin]
type = "twin.train"
from = "{}"
layer = [{{ type = "dense", units = 4 }}]
[node.embedding]
type = "embed_images.embedding"
from = {{ model = "twin.model", data = "glyphs.test", through = {} }}
)",
                                                 size, from, through)),
            {}, problems);
  std::string all;
  for (const auto& one : problems.list())
    if (one.is_error) all += one.message + "\n";
  return all;
}

TWINFLOW_NODE("embed_images.embedding", Embedding)

}  // namespace

TEST_CASE("images are embedded in the order given, in parts, and alike for 1, 2 and 8 threads") {
  const auto store = many_images(1500);
  const Model model = small_model();
  std::vector<std::size_t> order;  // backwards, and the first image once more
  for (std::size_t i = store->count(); i-- > 0;) order.push_back(i);
  order.push_back(0);
  std::vector<float> first;
  for (const int threads : {1, 2, 8})
    tbb::task_arena(threads).execute([&] {
      const Embeddings made = embed_images(model, store, order, {});
      REQUIRE(made.count == 1501);
      REQUIRE(made.size == 3);
      if (first.empty()) first = made.values;
      CHECK(made.values == first);
      for (const std::size_t row : {0, 1, 1023, 1024, 1499, 1500}) {
        Images alone(store, {{order[row]}});
        alone.read();
        const Embeddings one = model.embed(alone);
        for (std::size_t k = 0; k < 3; ++k)  // another batch is summed in another order
          CHECK(std::abs(made.row(row)[k] - one.row(0)[k]) < 1e-5f);
      }
    });
  CHECK(embed_images(model, store, {}, {}).count == 0);
}

TEST_CASE("images go through the maps before they are embedded") {
  const auto store = many_images(3);
  const Model model = small_model();
  Bench embedding("embed_images.embedding"), invert("augment.invert");
  Dataset data;
  data.store = store;
  embedding.constant("data", data);
  embedding.pass_through("through", invert);
  Embedding::images = {2, 1};
  embedding.apply<Model>(model);
  Images inverted(store, {{2}, {1}});
  inverted.read();
  for (float& pixel : inverted.pixels) pixel = 1.0f - pixel;
  CHECK(Embedding::last.values == model.embed(inverted).values);
}

TEST_CASE("maps that draw, draw the same for every model, and otherwise for another copy") {
  const auto store = many_images(3);
  const std::vector<std::size_t> images = {0, 1, 2};
  Bench embedding("embed_images.embedding"), affine("augment.affine", "rotation = 90.0");
  Dataset data;
  data.store = store;
  embedding.constant("data", data);
  embedding.pass_through("through", affine);
  Embedding::images = images;
  std::vector<std::vector<float>> seen;
  for (const std::size_t copy : {0, 0, 1}) {
    Embedding::copy = copy;
    embedding.apply<Model>(small_model());
    seen.push_back(Embedding::last.values);
  }
  Embedding::copy = 0;
  CHECK(seen[0] == seen[1]);
  CHECK(seen[0] != seen[2]);
  CHECK(seen[0] != embed_images(small_model(), store, images, {}).values);
}

TEST_CASE("images of another shape than the model's are refused") {
  auto store = std::make_shared<PixelStore>();
  store->channels = 3;
  store->height = store->width = 6;
  store->pixels.resize(108);
  const std::vector<std::size_t> first = {0};
  CHECK_THROWS_WITH_AS(
      embed_images(small_model(), store, first, {}),
      "the model is for images of 1x6x6, but these are 3x6x6; read them with color_mode = \"grey\"", Error);
}

TEST_CASE("two data sets that come to different shapes are named") {
  Dataset grey, color;
  grey.description = "grey", color.description = "color";
  auto store = std::make_shared<PixelStore>(*many_images(1));
  grey.store = store;
  store = std::make_shared<PixelStore>(*store);
  store->channels = 3;
  color.store = store;
  CHECK(error_of([&] { require_one_shape({}, "support", grey, "queries", grey); }) == "");
  CHECK(error_of([&] { require_one_shape({}, "support", grey, "queries", color); }) ==
        "the images of support, 'grey', are 1x6x6, but those of queries, 'color', are 3x6x6");
}

TEST_CASE("the check knows the shapes of model and images, as far as they are known") {
  const ImageShape small{1, 20, 20}, large{1, 28, 28};
  CHECK(problem_of({}, small, large) ==
        "error: the model is for images of 1x20x20, but those of this data set are 1x28x28; read them with "
        "size = 20\n");
  CHECK(problem_of({}, small, small) == "");
  CHECK(problem_of({}, std::nullopt, large) == "");
  CHECK(problem_of({}, small, std::nullopt) == "");
}

TEST_CASE("the check wants the maps that a model was trained behind, in their order") {
  CHECK(problems_of("dark", "[\"small\", \"dark\"]") == "");
  CHECK(problems_of("turned", "[\"small\", \"dark\"]") == "");              // what draws need not be named,
  CHECK(problems_of("turned", "[\"small\", \"dark\", \"turned\"]") == "");  // but may be
  const std::string wanted =
      "the model is trained on images that go through 'small' and 'dark', in this order, and has to be "
      "measured on such: write from = { ..., through = [\"small\", \"dark\"] }\n";
  CHECK(problems_of("dark", "\"small\"") == wanted);
  CHECK(problems_of("turned", "[\"dark\", \"small\"]") == wanted);
  CHECK(problem_of({"norm"}, std::nullopt, std::nullopt) ==
        "error: the model is trained on images that go through 'norm', and has to be measured on such: write "
        "from = { ..., through = [\"norm\"] }\n");
  // 28 pixels become 8 on both sides.
  CHECK(problems_of("small", "\"small\"", 28) == "");
  CHECK(problems_of("batches", "\"small\"", 28) ==
        "the model is for images of 1x28x28, but those of this data set are 1x8x8 once they went through "
        "small\n");
}
