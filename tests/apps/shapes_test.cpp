// Sizes of images, followed through chains of real nodes by the graph check: before anything is opened.

#include <doctest/doctest.h>

#include "program.h"

namespace {

const std::string chain = R"([node.glyphs]
type = "data.glyphs"
size = 35
[node.batches]
type = "sample.classes"
from = "glyphs.train"
[node.turned]
type = "augment.affine"
from = "batches"
rotation = 10
[node.cut]
type = "augment.crop"
from = "turned"
size = 28
[node.small]
type = "augment.resize"
from = "cut"
height = 12
width = 8
[node.twin]
type = "twin.train"
from = "small"
[[node.twin.layer]]
type = "conv"
filters = 8
[[node.twin.layer]]
type = "max_pool"
[[node.twin.layer]]
type = "residual"
layers = [
  { type = "conv", filters = 8 },
  { type = "max_pool", size = 2 },
]
[[node.twin.layer]]
type = "max_pool"
size = 2
[node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.test" }
)";

/// What --check says of the graph with these words replaced; its exit code goes before.
std::string told(std::vector<std::pair<std::string, std::string>> changes, std::string graph = chain) {
  for (const auto& [from, to] : changes) {
    REQUIRE(graph.find(from) != std::string::npos);
    graph.replace(graph.find(from), from.size(), to);
  }
  const TempFolder temp;
  temp.write("g.toml", graph);
  const Finished finished = flowrun(temp, {"g.toml", "--check"});
  return std::to_string(finished.exit_code) + " " + finished.errors;
}

const std::pair<std::string, std::string> evaluated_alike{"data = \"glyphs.test\"",
                                                          "data = \"other.test\", through = \"small\""};
const std::string other =
    "[node.other]\ntype = \"data.images\"\npath = \"nowhere\"\nheight = 12\nwidth = 8\n";

}  // namespace

TEST_CASE("a chain whose sizes fit is good") {
  CHECK(told({evaluated_alike}, other + chain) == "0 ");
  CHECK(told({{"data = \"glyphs.test\"", "data = \"glyphs.test\", through = [\"cut\", \"small\"]"}}) == "0 ");
}

TEST_CASE("a network is measured on images of the shape that it is trained on") {
  CHECK(told({}) ==
        "2 g.toml:39:8: error: the model is trained on images that go through 'small', and has to be "
        "measured on "
        "such: write from = { ..., through = [\"small\"] }\n"
        "  from = { model = \"twin.model\", data = \"glyphs.test\" }\n"
        "         ^\n1 error\n");
  CHECK(told({evaluated_alike, {"width = 8\n", "width = 8\ncolor_mode = \"color\"\n"}}, other + chain) ==
        "2 g.toml:45:39: error: the model is for images of 1x12x8, but those of this data set are 3x12x8 "
        "once they went through small\n"
        "  from = { model = \"twin.model\", data = \"other.test\", through = \"small\" }\n"
        "                                        ^\n1 error\n");
}

TEST_CASE("a layer that does not fit is told of at its line, with what comes to it") {
  CHECK(told({evaluated_alike, {"type = \"max_pool\"\nsize = 2", "type = \"max_pool\"\nsize = 4"}},
             other + chain) ==
        "2 g.toml:39:1: error: layer 3 (max_pool): a 4x4 window does not fit into 8x3x2\n"
        "  [[node.twin.layer]]\n  ^\n1 error\n");
}

TEST_CASE("a layer inside of a residual block is told of at its own line") {
  CHECK(told({evaluated_alike, {"\"max_pool\", size = 2", "\"max_pool\", size = 6"}}, other + chain) ==
        "2 g.toml:37:3: error: layer 2 (residual): layer 1 (max_pool): a 6x6 window does not fit into 8x6x4\n"
        "    { type = \"max_pool\", size = 6 },\n    ^\n1 error\n");
}

TEST_CASE("a crop larger than its images is told of at its size") {
  CHECK(told({evaluated_alike, {"size = 28", "size = 36"}}, other + chain) ==
        "2 g.toml:19:8: error: images of 35 x 35 pixels are smaller than the crop of 36 x 36\n"
        "  size = 36\n         ^\n1 error\n");
}

TEST_CASE("where only the files know their size, nothing is said before they are read") {
  const std::string files = R"([node.glyphs]
type = "data.images"
path = "nowhere"
size = 3
[node.batches]
type = "sample.classes"
from = "glyphs.train"
[node.twin]
type = "twin.train"
from = "batches"
network = "conv4"
[node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.test" }
)";
  CHECK(told({}, files) ==
        "2 g.toml:11:11: error: layer 7 (max_pool): a 2x2 window does not fit into 64x1x1\n"
        "  network = \"conv4\"\n            ^\n1 error\n");
  CHECK(told({{"size = 3\n", ""}}, files) == "0 ");
}
