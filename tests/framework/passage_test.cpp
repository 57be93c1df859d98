#include "twinflow/passage.h"

#include <doctest/doctest.h>

#include "error_of.h"
#include "plan.h"
#include "temp_folder.h"
#include "twinflow/plugin.h"
#include "twinflow/testing.h"

using namespace twinflow;

namespace {

class Plain final : public Source<ImageBatch> {
 public:
  static void describe(NodeSpec<Plain>& spec) { spec.summary("Makes batches."); }
  ImageBatch make(const Item&) const override { return {Images(1, 1, 1, 2), {0}}; }
};

/// Doubles every pixel and adds to it; `jitter`: also a draw for the batch.
class Brighten final : public Map<AnyBatch, AnyBatch> {
 public:
  static void describe(NodeSpec<Brighten>& spec) {
    spec.summary("Brightens.");
    spec.prepares();
    spec.param("by", &Brighten::by);
    spec.param("jitter", &Brighten::jitter);
  }
  AnyBatch apply(AnyBatch batch, const Item& item) const override {
    const float drawn = static_cast<float>(jitter * random(item, "jitter").uniform());
    for (float& pixel : images_of(batch).pixels) pixel = 2.0f * pixel + static_cast<float>(by) + drawn;
    return batch;
  }

 private:
  double by = 0.0, jitter = 0.0;
};

/// Does not give back what it was given.
class Spoil final : public Map<ImageBatch, ImageBatch> {
 public:
  static void describe(NodeSpec<Spoil>& spec) {
    spec.summary("Spoils batches.");
    spec.param("images", &Spoil::images);
    spec.param("labels", &Spoil::labels);
  }
  ImageBatch apply(ImageBatch, const Item&) const override {
    return {Images(images, 1, 1, 2), std::vector<std::int32_t>(labels)};
  }

 private:
  std::size_t images = 1, labels = 1;
};

/// Sends images of its own through maps.
class Own final : public Sink<ImageBatch> {
 public:
  static void describe(NodeSpec<Own>& spec) {
    spec.summary("Has images of its own.");
    spec.input("batch");
    spec.input("through", &Own::through).doc("maps");
    spec.check(&Own::check);
  }
  void check(const Checking& checking) const {
    if (checking.prepared_by("batch") != through.names())
      checking.error_at({"from", "through"}, "not as prepared");
  }
  void process(ImageBatch batch, const Item& item) override {
    last = through.apply(std::move(batch), item).images.pixels;
  }

  static inline Pixels last;

 private:
  Passage through;
};

ImageBatch batch() {
  ImageBatch made{Images(1, 1, 1, 2), {0}};
  made.images.pixels = {0.25f, 0.5f};
  return made;
}

const char* const graph = R"(
[node.count]
type = "passage.plain"
[node.one]
type = "passage.brighten"
from = "count"
[node.two]
type = "passage.brighten"
from = "one"
[node.own]
type = "passage.own"
)";

std::string problems_of(const std::string& from) {
  const TempFolder temp;
  Problems problems;
  make_plan(temp.write("graph.toml", graph + from), {}, problems);
  std::string all;
  for (const auto& one : problems.list()) all += one.message + "\n";
  return all;
}

TWINFLOW_NODE("passage.plain", Plain)
TWINFLOW_NODE("passage.brighten", Brighten)
TWINFLOW_NODE("passage.spoil", Spoil)
TWINFLOW_NODE("passage.own", Own)

}  // namespace

TEST_CASE("images of a node's own go through maps of the graph, in order") {
  testing::Bench own("passage.own"), one("passage.brighten", "by = 1"), two("passage.brighten", "by = 10");
  own.process(batch());
  CHECK(Own::last == Pixels{0.25f, 0.5f});
  own.pass_through("through", one);
  own.pass_through("through", two);
  own.process(batch());
  CHECK(Own::last == Pixels{2 * 1.5f + 10, 2 * 2.0f + 10});
}

TEST_CASE("a map that gives back a wrong batch is named, not the node that sent it through") {
  const auto sent_through = [](const std::string& toml) {
    testing::Bench own("passage.own"), spoil("passage.spoil", toml);
    own.pass_through("through", spoil);
    return error_of([&] { own.process(batch()); });
  };
  CHECK(sent_through("") == "");
  CHECK(sent_through("images = 3") ==
        "in node 'bench' (passage.spoil): what it gives out (image batch) is invalid: it has 3 images from "
        "number "
        "0 on, but labels for 1");
  CHECK(sent_through("images = 3\nlabels = 3") == "1 images were sent through bench, and 3 came back");
}

TEST_CASE("maps that draw, draw for the item that is named") {
  testing::Bench own("passage.own"), one("passage.brighten", "jitter = 1.0");
  own.pass_through("through", one);
  std::vector<Pixels> seen;
  for (const std::uint64_t index : {7, 8, 7}) {
    own.process(batch(), {.epoch = 1, .index = index});
    seen.push_back(Own::last);
  }
  CHECK(seen[0] == seen[2]);
  CHECK(seen[0] != seen[1]);
}

TEST_CASE("the graph says which maps, and the check knows what prepares") {
  CHECK(problems_of("from = { batch = \"two\", through = [\"one\", \"two\"] }") == "");
  CHECK(problems_of("from = { batch = \"one\", through = \"one\" }") ==
        "nobody uses what 'two' gives out (outputs: out)\n");
  CHECK(problems_of("from = { batch = \"two\", through = \"two\" }") == "not as prepared\n");
  CHECK(problems_of("from = \"two\"") == "not as prepared\n");
  CHECK(problems_of("from = { batch = \"two\", through = [\"one\", \"tow\"] }") ==
        "there is no node 'tow'; did you mean 'two'?\n");
  CHECK(problems_of("from = { batch = \"two\", through = [\"one\", 2] }") ==
        "expected the name of a node, found an integer\n");
  CHECK(problems_of("from = { batch = \"two\", through = \"count\" }") ==
        "'count' is sent images of its own by 'own', so it has to be a map of image batches, as "
        "augment.normalize is; "
        "passage.plain is none\n");
}
