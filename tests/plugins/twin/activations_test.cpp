#include <doctest/doctest.h>

#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("relu and sigmoid by hand, with their gradients") {
  const std::string conv = "{type = 'conv', filters = 1, size = 1, bias = false}, ";
  const Images images = images_of_values(1, {1, 1, 3}, {-2, 0, 3});
  Embeddings upstream(1, 3);
  upstream.values = {1, 10, 100};
  Network relu =
      network_of("[" + conv + "{type = 'relu'}, {type = 'relu'}]", {1, 1, 3}, {{"0.conv.weight", {2}}});
  CHECK(relu.forward(images).values == std::vector<float>{0, 0, 6});
  relu.backward(upstream);
  CHECK(gradient_of(relu, "0.conv.weight") == std::vector<float>{300});

  Network sigmoid = network_of("[" + conv + "{type = 'sigmoid'}]", {1, 1, 3}, {{"0.conv.weight", {1}}});
  const std::vector<float> values = sigmoid.forward(images).values;
  CHECK(values[0] == doctest::Approx(0.1192029));
  CHECK(values[1] == doctest::Approx(0.5));
  CHECK(values[2] == doctest::Approx(0.9525741));
  sigmoid.backward(upstream);  // sum of upstream * y * (1 - y) * x
  CHECK(gradient_of(sigmoid, "0.conv.weight")[0] ==
        doctest::Approx(-2 * 0.1049936 + 300 * 0.0451767).epsilon(1e-5));
}
