#include <doctest/doctest.h>

#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("the output's size drops what fills no window") {
  CHECK(output_of("{type = 'max_pool'}", {3, 13, 52}) == "3x6x26");
  CHECK(output_of("{type = 'max_pool', size = 3, stride = 2}", {3, 9, 8}) == "3x4x3");
  CHECK(output_of("{type = 'max_pool'}", {3, 1, 8}) == "a 2x2 window does not fit into 3x1x8");
}

TEST_CASE("the largest of a window, and the gradient goes to it alone") {
  Network network = network_of("[{type = 'conv', filters = 1, size = 1, bias = false}, {type = 'max_pool'}]",
                               {1, 2, 5}, {{"0.conv.weight", {1.0f}}});
  const Images images = images_of_values(1, {1, 2, 5}, {1, 2, 7, 0, 99, 3, -4, 5, 6, 99});
  CHECK(network.forward(images).values == std::vector<float>{3, 7});
  Embeddings upstream(1, 2);
  upstream.values = {10, 1000};
  network.backward(upstream);
  CHECK(gradient_of(network, "0.conv.weight") == std::vector<float>{3 * 10 + 7 * 1000});
}
