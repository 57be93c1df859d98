#include "plugins/twin/summary.h"

#include <doctest/doctest.h>

#include "components.h"
#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("a summary adds up, by hand") {
  Network network(layers_from("[{type = 'conv', filters = 16, name = 'first'}, {type = 'relu'},"
                              " {type = 'residual', layers = [{type = 'conv', filters = 32, bias = false}]},"
                              " {type = 'dense', units = 10}]"),
                  {1, 8, 8}, Precision::f32, Mode::training);
  network.plan(32);
  const std::vector<Network::LayerRow> rows = network.rows();
  const auto row = [&](const std::string& layer) {
    for (const Network::LayerRow& one : rows)
      if (one.layer == layer) return one;
    FAIL("there is no row " << layer);
    return rows.front();
  };
  CHECK(row("first").parameters == 16 * 9 + 16);
  CHECK(row("first").flops == 2.0 * 16 * 9 * 64);
  CHECK(row("first").output == Shape{16, 8, 8});
  CHECK(!row("first").kernel.empty());
  CHECK(row("2.residual.0.conv").parameters == 32 * 16 * 9);
  CHECK(row("2.residual").parameters == 32 * 16 + 32);  // the shortcut
  CHECK(row("2.residual").flops == 2.0 * 32 * 16 * 64);
  CHECK(row("3.dense").flops == 2.0 * 10 * 32 * 64);
  const std::vector<std::string> lines = summary(network, "6 parameters", 1'000'000, 32, 2);
  CHECK(lines.front().find("layer") != std::string::npos);
  CHECK(lines.back().starts_with("  6 parameters, 0.001 GFLOP for an image forward, "));
  CHECK(lines.back().ends_with(" GB for 32 images at once on 2 threads"));
}

TEST_CASE("numbers that are trained, the distance's included, and moving averages are counted apart") {
  const auto text = [](const std::string& layers, const std::string& distance) {
    return numbers_text(layers_from(layers), {1, 8, 8}, *component<Distance>("type = '" + distance + "'"));
  };
  const std::string layers =
      "[{type = 'conv', filters = 16, name = 'first'}, {type = 'relu'},"
      " {type = 'residual', layers = [{type = 'conv', filters = 32, bias = false}]},"
      " {type = 'dense', units = 10}]";
  CHECK(text(layers, "l1") == std::to_string(160 + 4608 + 544 + 10 * 2048 + 10) + " parameters");
  const std::string normalised =
      "[{type = 'conv', filters = 16, bias = false}, 'batch_norm', {type = 'dense', units = 10}]";
  CHECK(text(normalised, "weighted_l1") ==
        std::to_string(144 + 32 + 10250 + 11) + " parameters and 32 moving averages");
}

TEST_CASE("the memory of a batch grows with it") {
  Network network(
      layers_from("[{type = 'conv', filters = 64}, {type = 'relu'}, {type = 'conv', filters = 64}]"),
      {1, 64, 64}, Precision::f32, Mode::training);
  network.plan(16);
  const std::size_t small = network.taken(1).sum();
  network.plan(64);
  // Two activations of 64x64x64 floats are kept of each image: 2 MiB, and 1 MiB of gradient at least.
  CHECK(network.taken(1).sum() > small + 48 * 2 * 1'048'576);
  CHECK(network.taken(2).sum() > network.taken(1).sum());
}

TEST_CASE("the memory of a batch has what layers keep for themselves") {
  const auto bytes = [](const char* layers) {
    Network network(layers_from(layers), {1, 16, 16}, Precision::f32, Mode::training);
    network.plan(64);
    return network.taken(1).sum();
  };
  // A byte for each number: which a dropout keeps.
  const char* const plain = "[{type = 'conv', filters = 16}, 'tanh', {type = 'conv', filters = 16}]";
  const char* const dropped = "[{type = 'conv', filters = 16}, 'dropout', {type = 'conv', filters = 16}]";
  CHECK(bytes(dropped) >= bytes(plain) + 64 * 16 * 16 * 16);
  // Two blocks of 64 units, each with a gradient of its inputs, 64 x 4096 floats.
  CHECK(bytes("[{type = 'conv', filters = 16}, {type = 'dense', units = 128}]") >=
        bytes("[{type = 'conv', filters = 16}, {type = 'dense', units = 64}]") + 64 * 4096 * 4);
}
