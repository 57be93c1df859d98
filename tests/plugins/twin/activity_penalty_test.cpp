#include <doctest/doctest.h>

#include "components.h"
#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("the penalty of outputs reaches the weights before them, by hand") {
  // y = w x with w = 3 and x = 2 and -1: y = 6 and -3. dP/dy = (l1 sign(y) + 2 l2 y) / 2 images, besides the
  // gradient from above, 1 for each: dL/dw = sum (1 + dP/dy) x.
  Network network = network_of(
      "[{type = 'dense', units = 1, bias = false}, {type = 'activity_penalty', l1 = 0.5, l2 = 0.25}]",
      {1, 1, 1}, {{"0.dense.weight", {3}}});
  const Images images = images_of_values(2, {1, 1, 1}, {2, -1});
  CHECK(network.forward(images).values == std::vector<float>{6, -3});
  Embeddings upstream(2, 1);
  upstream.values = {1, 1};
  network.backward(upstream);
  const float first = 1.0f + (0.5f + 0.5f * 6.0f) / 2.0f, second = 1.0f + (-0.5f - 0.5f * 3.0f) / 2.0f;
  check_close(gradient_of(network, "0.dense.weight"), {2.0f * first - second}, 1e-6);
}

TEST_CASE("it is there between layers, in bf16 too, and does not change outputs") {
  if (resolve(Precision::automatic) != Precision::bf16) return;
  const std::string before = "[{type = 'conv', filters = 16}, ", after = "{type = 'conv', filters = 2}]";
  const Images images = images_of_values(2, {1, 4, 4}, std::vector<float>(32, 0.5f));
  const auto run = [&](const std::string& between) {
    Network network(layers_from(before + between + after), {1, 4, 4}, Precision::bf16, Mode::training);
    network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
      return Random(stream_key(1, "n", name.substr(0, 1) == "0" ? "0" : "1"), a, b);
    });
    Embeddings upstream(2, 32);
    const std::vector<float> out = network.forward(images).values;
    network.backward(upstream);  // of zeros: what remains is the penalty's
    return std::pair(out, gradient_of(network, "0.conv.weight"));
  };
  const auto plain = run(""), penalised = run("{type = 'activity_penalty', l2 = 1.0}, ");
  CHECK(penalised.first == plain.first);
  CHECK(std::all_of(plain.second.begin(), plain.second.end(), [](float g) { return g == 0.0f; }));
  CHECK(std::any_of(penalised.second.begin(), penalised.second.end(), [](float g) { return g != 0.0f; }));
}
