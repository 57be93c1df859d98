#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// The formulas, as the papers have them.
struct Kind {
  std::string toml;
  std::function<double(double)> f;
  std::vector<double> kinks = {};
};

const std::vector<Kind>& kinds() {
  using std::exp, std::tanh, std::log1p, std::expm1, std::min, std::max;
  static const std::vector<Kind> all = {
      {"'relu'", [](double x) { return max(x, 0.0); }, {0}},
      {"'leaky_relu'", [](double x) { return x > 0 ? x : 0.01 * x; }, {0}},
      {"{type = 'leaky_relu', alpha = 0.25}", [](double x) { return x > 0 ? x : 0.25 * x; }, {0}},
      {"'elu'", [](double x) { return x > 0 ? x : expm1(x); }, {}},
      {"{type = 'elu', alpha = 0.5}", [](double x) { return x > 0 ? x : 0.5 * expm1(x); }, {0}},
      {"'selu'",
       [](double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x)); },
       {0}},
      {"'gelu'", [](double x) { return x * (1 + std::erf(x / std::numbers::sqrt2)) / 2; }},
      {"{type = 'gelu', approximate = 'tanh'}",
       [](double x) {
         return x / 2 * (1 + tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
       }},
      {"'swish'", [](double x) { return x / (1 + exp(-x)); }},
      {"'mish'", [](double x) { return x * tanh(log1p(exp(x))); }},
      {"'hardswish'", [](double x) { return x * min(max(x + 3, 0.0), 6.0) / 6; }, {-3, 3}},
      {"'tanh'", [](double x) { return tanh(x); }},
      {"'sigmoid'", [](double x) { return 1 / (1 + exp(-x)); }},
      {"'softplus'", [](double x) { return log1p(exp(x)); }},
      {"'clip'", [](double x) { return min(max(x, 0.0), 6.0); }, {0, 6}},
      {"{type = 'clip', low = -0.3, high = 0.7}",
       [](double x) { return min(max(x, -0.3), 0.7); },
       {-0.3, 0.7}},  // ends that bf16 does not have
      {"{type = 'clip', low = -1.0, high = 2.0}", [](double x) { return min(max(x, -1.0), 2.0); }, {-1, 2}},
      {"'linear'", [](double x) { return x; }},
  };
  return all;
}

/// -8, -7.875 .. 8, and some far out.
std::vector<float> places() {
  std::vector<float> all{-80, -20, 20, 80};
  for (int i = -64; i <= 64; ++i) all.push_back(static_cast<float>(i) / 8);
  return all;
}

/// The largest error of values, relative to the larger of 1 and them, and of slopes, where those exist.
std::pair<double, double> errors(const Kind& kind, const Setting& setting) {
  // 133 channels: a blocked layout pads them, and what a function makes of the padding must not show.
  const std::vector<float> x = places();
  const Through found =
      pass_through("[" + kind.toml + "]", {x.size(), 1, 1}, x, std::vector<float>(x.size(), 1.0f), setting);
  double value = 0.0, slope = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = x[i], step = 1e-5, exact = kind.f(at);
    value = std::max(value, std::abs(found.y[i] - exact) / std::max(1.0, std::abs(exact)));
    if (std::find(kind.kinks.begin(), kind.kinks.end(), at) != kind.kinks.end()) continue;
    slope = std::max(slope, std::abs(found.dx[i] - (kind.f(at + step) - kind.f(at - step)) / (2 * step)));
  }
  return {value, slope};
}

}  // namespace

TEST_CASE("every activation is its formula, and its gradient the slope of that") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.toml);
    for (auto tag : {memory::format_tag::nchw, memory::format_tag::nChw16c}) {
      // f32: 24 bits; softplus far below 0 is good to 2e-6, not to a part of its small value.
      const auto [value, slope] = errors(kind, {.tag = tag});
      CHECK(value < 3e-6);
      CHECK(slope < 3e-6);
      if (resolve(Precision::automatic) != Precision::bf16) continue;
      // bf16: input exact, output and gradient rounded to 8 bits, twice in selu; slopes are up to 1.8, and
      // what is computed from a rounded output is off by that rounding: 2^-8 of up to 2.
      const auto [rounded, rounded_slope] = errors(kind, {.type = memory::data_type::bf16, .tag = tag});
      CHECK(rounded < 0x1p-7);
      CHECK(rounded_slope < 0x1p-6);
    }
  }
}

TEST_CASE("gradients at a kink") {
  const auto slopes = [](const std::string& toml, const std::vector<float>& at) {
    return pass_through("[" + toml + "]", {1, 1, at.size()}, at, std::vector<float>(at.size(), 1.0f)).dx;
  };
  CHECK(slopes("'relu'", {0}) == std::vector<float>{0});
  CHECK(slopes("{type = 'leaky_relu', alpha = 0.25}", {0}) == std::vector<float>{0.25f});
  CHECK(slopes("{type = 'clip', low = -1.0, high = 2.0}", {-1, 2}) == std::vector<float>{0, 0});
}

TEST_CASE("activations: the same bits for any number of threads") {
  for (const Kind& kind : kinds())
    if (kind.kinks.empty()) check_layer("[" + kind.toml + "]", {3, 4, 5});
}

TEST_CASE("relu and sigmoid in a network, by hand, with their gradients") {
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

TEST_CASE("a network of nothing that learns runs and passes back nothing") {
  Network network = network_of("['linear']", {1, 1, 2});
  CHECK(network.forward(images_of_values(1, {1, 1, 2}, {-2, 3})).values == std::vector<float>{-2, 3});
  network.backward(Embeddings(1, 2));
  CHECK(network.gradients().tensors.empty());
}

TEST_CASE("a clip with its ends the wrong way round is refused") {
  CHECK_THROWS_WITH_AS(layers_from("[{type = 'clip', low = 2.0, high = 2.0}]"),
                       doctest::Contains("the low end 2.0 is not below the high end 2.0"), Error);
}
