#include "twinflow/twin/image_layer.h"

#include <doctest/doctest.h>

#include "pass_through.h"
#include "twinflow/plugin.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// y = weight[channel] x^2 + shift, over the rows of the image but the last. It keeps x^2.
class Squares final : public ImageLayer {
 public:
  static void describe(Spec<Squares>& spec) { spec.summary("Squares, for this test."); }
  Shape output(Shape in) const override { return {in.channels, in.height - 1, in.width}; }
  std::vector<Weight> weights(Shape in) const override {
    return {{"weight", {static_cast<std::int64_t>(in.channels)}, normal_initializer(1.0, 0.0)},
            {"shift", {1}, constant_initializer(0.5)}};
  }
  std::size_t kept(Shape in) const override { return in.size(); }
  bool keeps_output() const override { return false; }

  void forward(Shape in, Numbers x, const Weights& weights, Values y, Values kept) const override {
    for (std::size_t k = 0; k < x.size(); ++k) kept[k] = x[k] * x[k];
    each(in, [&](std::size_t c, std::size_t from, std::size_t to) {
      y[to] = weights[0][c] * kept[from] + weights[1][0];
    });
  }
  void backward(Shape in, const Passed& passed, const Weights& weights, Numbers dy, Values dx,
                const Gradients& gradients) const override {
    CHECK(passed.y.empty());
    if (!dx.empty()) std::fill(dx.begin(), dx.end(), 0.0f);
    each(in, [&](std::size_t c, std::size_t from, std::size_t to) {
      if (!dx.empty()) dx[from] = dy[to] * weights[0][c] * 2 * passed.x[from];
      gradients[0][c] += dy[to] * passed.kept[from];
      gradients[1][0] += dy[to];
    });
  }

 private:
  template <class Body>
  void each(Shape in, const Body& body) const {
    for (std::size_t c = 0; c < in.channels; ++c)
      for (std::size_t k = 0; k + in.width < in.height * in.width; ++k)
        body(c, c * in.height * in.width + k, c * (in.height - 1) * in.width + k);
  }
};
TWINFLOW_COMPONENT("layer", "test_squares", Squares)

}  // namespace

TEST_CASE("a layer of one's own: values, gradients and weights by hand") {
  Network network = network_of("['test_squares']", {2, 2, 1},
                               {{"0.test_squares.weight", {10, 100}}, {"0.test_squares.shift", {0.5f}}});
  CHECK(network.forward(images_of_values(2, {2, 2, 1}, {1, 9, 2, 9, 3, 9, 4, 9})).values ==
        std::vector<float>{10.5f, 400.5f, 90.5f, 1600.5f});
  Embeddings upstream(2, 2);
  upstream.values = {1, 2, 3, 4};
  for (int again = 0; again < 2; ++again) {  // gradients of one pass, not of all
    network.backward(upstream);
    CHECK(gradient_of(network, "0.test_squares.weight") == std::vector<float>{28, 72});
    CHECK(gradient_of(network, "0.test_squares.shift") == std::vector<float>{10});
  }
  network.initialise([](std::string_view, std::uint64_t, std::uint64_t) { return Random(1, 0, 0); });
  CHECK(weight_of(network, "0.test_squares.weight") == std::vector<float>{1, 1});
  CHECK(weight_of(network, "0.test_squares.shift") == std::vector<float>{0.5f});

  const Through found = pass_through("['test_squares']", {2, 2, 1}, {1, 9, 2, 9}, {1, 2},
                                     {.weights = {{"0.test_squares.weight", {10, 100}}}});
  CHECK(found.dx == std::vector<float>{20, 0, 800, 0});
}

TEST_CASE("a layer of one's own in bf16, in blocked layouts, and on any number of threads") {
  const std::vector<float> weights = normal_numbers(17, 6);
  check_layer("['tanh', 'test_squares', 'sigmoid']", {17, 3, 3},
              {.tag = memory::format_tag::nChw16c, .weights = {{"1.test_squares.weight", weights}}}, 5e-3);
  if (resolve(Precision::automatic) != Precision::bf16) return;
  // What it is given in bf16 it sees as it is, and what it gives is f32.
  const Through half =
      pass_through("['test_squares']", {1, 2, 1}, {1.5f, 1}, {1},
                   {.type = memory::data_type::bf16, .weights = {{"0.test_squares.weight", {1.0001f}}}});
  CHECK(half.y == std::vector<float>{1.0001f * 2.25f});
  CHECK(half.dx == std::vector<float>{3, 0});  // 3.0003 in bf16
}

TEST_CASE("weights' gradients of a layer of one's own: the same bits for any number of threads") {
  const std::vector<float> images = normal_numbers(40 * 12, 7);
  std::vector<std::vector<float>> found;
  tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, 8);
  for (const int threads : {1, 2, 8}) {
    tbb::task_arena(threads).execute([&] {
      Network network = network_of(
          "['test_squares', 'layer_norm']", {3, 2, 2},
          {{"0.test_squares.weight", {1, -2, 3}}, {"1.layer_norm.weight", normal_numbers(6, 8)}}, 4);
      network.forward(images_of_values(40, {3, 2, 2}, images));
      Embeddings upstream(40, 6);
      upstream.values = normal_numbers(240, 9);
      network.backward(upstream);
      std::vector<float> all;
      for (const auto& [name, tensor] : network.gradients().tensors)
        all.insert(all.end(), tensor.values.begin(), tensor.values.end());
      found.push_back(all);
    });
  }
  CHECK(found[0].size() == 3 + 1 + 6 + 6);
  CHECK(found[1] == found[0]);
  CHECK(found[2] == found[0]);
}
