#include <doctest/doctest.h>

#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("length 1, or 0 where there is nothing; the gradient is at right angles") {
  Network network =
      network_of("[{type = 'conv', filters = 1, size = 1, bias = false}, {type = 'l2_normalize'}]", {1, 1, 2},
                 {{"0.conv.weight", {2}}});
  const Images images = images_of_values(2, {1, 1, 2}, {3, -4, 0, 0});
  const Embeddings& out = network.forward(images);
  CHECK(out.values[0] == doctest::Approx(0.6));
  CHECK(out.values[1] == doctest::Approx(-0.8));
  CHECK(out.values[2] == 0.0f);
  CHECK(out.values[3] == 0.0f);
  Embeddings upstream(2, 2);
  upstream.values = {5, 7, 0, 0};
  network.backward(upstream);  // scaling the input changes nothing: no slope along the weight
  CHECK(gradient_of(network, "0.conv.weight")[0] == doctest::Approx(0.0).scale(1.0).epsilon(1e-5));
}
