#include <doctest/doctest.h>

#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("values and gradients by hand, over channels, rows and columns in that order") {
  Network network =
      network_of("[{type = 'dense', units = 2}]", {2, 1, 2},
                 {{"0.dense.weight", {1, 10, 100, 1000, -1, 0, 0, 2}}, {"0.dense.bias", {0.5f, -1}}});
  const Images images = images_of_values(2, {2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(network.forward(images).values == std::vector<float>{4321.5f, 6, 8765.5f, 10});
  Embeddings upstream(2, 2);
  upstream.values = {1, 0, 2, -1};
  network.backward(upstream);
  CHECK(gradient_of(network, "0.dense.weight") ==
        std::vector<float>{1 + 10, 2 + 12, 3 + 14, 4 + 16, -5, -6, -7, -8});
  CHECK(gradient_of(network, "0.dense.bias") == std::vector<float>{3, -1});
  CHECK(output_of("{type = 'dense', units = 2}", {2, 1, 2}) == "2x1x1");
}

TEST_CASE("the number of units must be given") { CHECK_THROWS_AS(layers_from("[{type = 'dense'}]"), Error); }
