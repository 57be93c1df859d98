#include <doctest/doctest.h>

#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("shapes, and a sentence where no shortcut fits") {
  CHECK(output_of("{type = 'residual', layers = [{type = 'conv', filters = 8, stride = 2}]}", {4, 7, 5}) ==
        "8x4x3");
  CHECK(output_of("{type = 'residual', layers = [{type = 'conv', filters = 8, size = 4, padding = 'valid'}]}",
                  {4, 7, 5}) ==
        "the inner layers turn 4x7x5 into 8x4x2, and no 1x1 convolution with one stride does the same for "
        "the shortcut");
  CHECK(output_of("{type = 'residual', layers = [{type = 'conv', filters = 8, size = 9, padding = 'valid'}]}",
                  {4, 7, 7}) ==
        "layer 0 (conv): a 9x9 convolution does not fit into 4x7x7; use padding = \"same\", a smaller size "
        "or larger images");
}

TEST_CASE("identity: relu(w x + x), with both gradients") {
  Network network = network_of(
      "[{type = 'conv', filters = 1, size = 1, bias = false}, {type = 'residual', layers = [{type = 'conv', "
      "filters = 1, "
      "size = 1, bias = false}]}]",
      {1, 1, 2}, {{"0.conv.weight", {1}}, {"1.residual.0.conv.weight", {2}}});
  const Images images = images_of_values(1, {1, 1, 2}, {5, -1});
  CHECK(network.forward(images).values == std::vector<float>{15, 0});
  Embeddings upstream(1, 2);
  upstream.values = {10, 100};
  network.backward(upstream);
  CHECK(gradient_of(network, "1.residual.0.conv.weight") == std::vector<float>{50});
  CHECK(gradient_of(network, "0.conv.weight") == std::vector<float>{150});
}

TEST_CASE("shortcut: relu(w x + s x + b)") {
  Network network = network_of(
      "[{type = 'residual', layers = [{type = 'conv', filters = 2, size = 1, bias = false}]}]", {1, 1, 1},
      {{"0.residual.0.conv.weight", {2, -3}},
       {"0.residual.shortcut.weight", {10, 1}},
       {"0.residual.shortcut.bias", {0.5f, 1}}});
  CHECK(network.forward(images_of_values(1, {1, 1, 1}, {4})).values == std::vector<float>{48.5f, 0});
}

TEST_CASE("a shortcut that is written out: relu(w x + 3 (2 x))") {
  Network network = network_of(
      "[{type = 'conv', filters = 1, size = 1, bias = false}, {type = 'residual',"
      " layers = [{type = 'conv', filters = 1, size = 1, bias = false}],"
      " shortcut = [{type = 'conv', filters = 1, size = 1, bias = false},"
      " {type = 'conv', filters = 1, size = 1, bias = false, name = 'last'}]}]",
      {1, 1, 2},
      {{"0.conv.weight", {1}},
       {"1.residual.0.conv.weight", {-1}},
       {"1.residual.shortcut.0.conv.weight", {2}},
       {"1.residual.shortcut.last.weight", {3}}});
  CHECK(network.forward(images_of_values(1, {1, 1, 2}, {5, -1})).values == std::vector<float>{25, 0});
  Embeddings upstream(1, 2);
  upstream.values = {10, 100};
  network.backward(upstream);
  CHECK(gradient_of(network, "1.residual.0.conv.weight") == std::vector<float>{50});
  CHECK(gradient_of(network, "1.residual.shortcut.0.conv.weight") == std::vector<float>{150});
  CHECK(gradient_of(network, "1.residual.shortcut.last.weight") == std::vector<float>{100});
  CHECK(gradient_of(network, "0.conv.weight") == std::vector<float>{250});
  CHECK(output_of("{type = 'residual', layers = ['relu'], shortcut = ['max_pool']}", {4, 7, 5}) ==
        "the inner layers turn 4x7x5 into 4x7x5, but the shortcut makes 4x3x2 of it");
  CHECK(output_of("{type = 'residual', layers = ['relu'], shortcut = [{type = 'max_pool', size = 8}]}",
                  {4, 7, 5}) == "shortcut: layer 0 (max_pool): a 8x8 window does not fit into 4x7x5");
}

TEST_CASE("a residual without layers is refused") {
  CHECK_THROWS_WITH_AS(layers_from("[{type = 'residual', layers = []}]"),
                       doctest::Contains("a residual needs at least one layer"), Error);
}

TEST_CASE("residual of layers that do nothing: twice the input") {
  for (const std::string more : {"", ", shortcut = ['linear']"}) {
    const Through found =
        pass_through("[{type = 'residual', layers = ['linear']" + more + "}]", {1, 1, 2}, {5, -1}, {10, 100});
    CHECK(found.y == std::vector<float>{10, 0});
    CHECK(found.dx == std::vector<float>{20, 0});
  }
}
