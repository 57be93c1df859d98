#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <dnnl.hpp>

#include "pass_through.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("the output's size") {
  CHECK(output_of("{type = 'conv', filters = 8}", {3, 9, 7}) == "8x9x7");
  CHECK(output_of("{type = 'conv', filters = 8, stride = 2}", {3, 9, 7}) == "8x5x4");
  CHECK(output_of("{type = 'conv', filters = 8, size = 4, padding = 'valid'}", {3, 9, 7}) == "8x6x4");
  CHECK(output_of("{type = 'conv', filters = 8, size = 4, padding = 'valid', stride = 3}", {3, 10, 7}) ==
        "8x3x2");
  CHECK(output_of("{type = 'conv', filters = 8, size = 4, padding = 'valid'}", {3, 3, 7}) ==
        "a 4x4 convolution does not fit into 3x3x7; use padding = \"same\", a smaller size or larger images");
  // A kernel of 3 with dilation 3 reaches over 7 pixels.
  CHECK(output_of("{type = 'conv', filters = 8, dilation = 3}", {3, 9, 7}) == "8x9x7");
  CHECK(output_of("{type = 'conv', filters = 8, dilation = 3, padding = 'valid'}", {3, 9, 7}) == "8x3x1");
  CHECK(
      output_of("{type = 'conv', filters = 8, dilation = 3, padding = 'valid'}", {3, 9, 6}) ==
      "a 3x3 convolution with dilation 3 does not fit into 3x9x6; use padding = \"same\", a smaller size or "
      "larger images");
  CHECK(output_of("{type = 'conv', filters = 8, groups = 4}", {8, 3, 3}) == "8x3x3");
  CHECK(output_of("{type = 'conv', filters = 8, groups = 3}", {9, 3, 3}) ==
        "groups = 3 does not divide 9 channels and 8 filters");
  CHECK(output_of("{type = 'conv', filters = 6, groups = 3}", {8, 3, 3}) ==
        "groups = 3 does not divide 8 channels and 6 filters");
}

TEST_CASE("dilation and groups by hand") {
  const Images row = images_of_values(1, {1, 1, 5}, {1, 2, 3, 4, 5});
  Network dilated = network_of("[{type = 'conv', filters = 1, dilation = 2, bias = false}]", {1, 1, 5},
                               {{"0.conv.weight", {0, 0, 0, 1, 10, 100, 0, 0, 0}}});
  CHECK(dilated.forward(row).values == std::vector<float>{310, 420, 531, 42, 53});
  // Two groups of one channel and one filter each: depthwise.
  Network depthwise = network_of("[{type = 'conv', filters = 2, size = 1, groups = 2, bias = false}]",
                                 {2, 1, 2}, {{"0.conv.weight", {10, 100}}});
  CHECK(depthwise.weights().tensors.at("0.conv.weight").shape == std::vector<std::int64_t>{2, 1, 1, 1});
  CHECK(depthwise.forward(images_of_values(1, {2, 1, 2}, {1, 2, 3, 4})).values ==
        std::vector<float>{10, 20, 300, 400});
  Embeddings upstream(1, 4);
  upstream.values = {1, 1, 1, 2};
  depthwise.backward(upstream);
  CHECK(gradient_of(depthwise, "0.conv.weight") == std::vector<float>{3, 11});
}

TEST_CASE("values and gradients by hand") {
  // Image [1 2; 3 4], kernel [1 10; 100 1000], bias 0.5, no padding: 1 + 20 + 300 + 4000 + 0.5.
  Network valid = network_of("[{type = 'conv', filters = 1, size = 2, padding = 'valid'}]", {1, 2, 2},
                             {{"0.conv.weight", {1, 10, 100, 1000}}, {"0.conv.bias", {0.5f}}});
  const Images image = images_of_values(1, {1, 2, 2}, {1, 2, 3, 4});
  CHECK(valid.forward(image).values == std::vector<float>{4321.5f});
  Embeddings upstream(1, 1);
  upstream.values = {2.0f};
  valid.backward(upstream);
  CHECK(gradient_of(valid, "0.conv.weight") == std::vector<float>{2, 4, 6, 8});
  CHECK(gradient_of(valid, "0.conv.bias") == std::vector<float>{2});
  // An even kernel under "same" pads after, not before: as Keras does.
  Network same = network_of("[{type = 'conv', filters = 1, size = 2, bias = false}]", {1, 2, 2},
                            {{"0.conv.weight", {1, 10, 100, 1000}}});
  CHECK(same.forward(image).values == std::vector<float>{4321, 402, 43, 4});
}

TEST_CASE("dilation and groups: slopes, and the same bits for any number of threads") {
  const std::vector<float> weights = normal_numbers(32 * 16 * 9, 5);
  const auto first = [&](std::size_t count) {
    return std::vector<float>(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(count));
  };
  check_layer("[{type = 'conv', filters = 6, groups = 3, dilation = 2, bias = false}]", {3, 6, 5},
              {.weights = {{"0.conv.weight", first(6 * 9)}}});
  for (auto tag : {memory::format_tag::nchw, memory::format_tag::nChw16c}) {
    check_layer("[{type = 'conv', filters = 16, groups = 16, stride = 2, bias = false}]", {16, 6, 5},
                {.tag = tag, .weights = {{"0.conv.weight", first(16 * 9)}}});
    check_layer("[{type = 'conv', filters = 32, groups = 2, bias = false}]", {32, 4, 3},
                {.tag = tag, .weights = {{"0.conv.weight", first(32 * 16 * 9)}}});
  }
}

TEST_CASE("how weights start") {
  const auto deviation = [](const std::string& more) {
    Network network(layers_from("[{type = 'conv', filters = 64, size = 5, " + more + "}]"), {16, 8, 8},
                    Precision::f32, Mode::training);
    network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
      return Random(stream_key(1, "c", name), a, b);
    });
    const std::vector<float> values = weight_of(network, "0.conv.weight");
    double sum = 0.0, squares = 0.0;
    for (float value : values) sum += value, squares += static_cast<double>(value) * value;
    const double count = static_cast<double>(values.size());
    CHECK(std::abs(sum / count) < 4.0 * std::sqrt(squares / count / count));  // four standard errors
    return std::sqrt(squares / count);
  };
  // 25,600 draws: the deviation is good to 0.5 %, taken four times. Fan-in 400, fan-out 1600.
  CHECK(deviation("init = 'he'") == doctest::Approx(std::sqrt(2.0 / 400)).epsilon(0.02));
  CHECK(deviation("init = 'glorot'") == doctest::Approx(std::sqrt(2.0 / 2000)).epsilon(0.02));
  CHECK(deviation("init = {type = 'normal', std = 0.01}") == doctest::Approx(0.01).epsilon(0.02));
}

TEST_CASE("Winograd's algorithm agrees with the direct one") {
  // F(4x4, 3x3) multiplies by up to 8 on its way (Lavin & Gray 2016, eq. 13 and 14): some digits of f32 go.
  const auto made = [](const char* algorithm) {
    Network network(
        layers_from("[{type = 'conv', filters = 32}, {type = 'conv', filters = 32, algorithm = '" +
                    std::string(algorithm) + "'}, 'relu']"),
        {1, 26, 26}, Precision::f32, Mode::training);
    network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
      return Random(stream_key(1, "c", name), a, b);
    });
    Images images(5, 1, 26, 26);
    Random random(3, 0, 0);
    for (float& pixel : images.pixels) pixel = static_cast<float>(random.uniform());
    Embeddings upstream(5, 32 * 26 * 26);
    for (float& value : upstream.values) value = static_cast<float>(random.normal());
    std::vector<std::vector<float>> all{network.forward(images).values};
    network.backward(upstream);
    for (const char* name : {"0.conv.weight", "1.conv.weight", "1.conv.bias"})
      all.push_back(gradient_of(network, name));
    bool winograd = false;
    for (const Network::LayerWork& work : network.work())
      winograd = winograd || work.kernel.find("wino") != std::string::npos;
    return std::pair(all, winograd);
  };
  const auto [fast, uses_it] = made("auto");
  const auto [direct, does_not] = made("direct");
  CHECK(uses_it == (DNNL_VERSION_MAJOR < 3 && has(dnnl::cpu_isa::avx512_core)));  // oneDNN 3 has it no more
  CHECK_FALSE(does_not);
  for (std::size_t tensor = 0; tensor < direct.size(); ++tensor) {
    float largest = 0.0f, apart = 0.0f;
    for (std::size_t i = 0; i < direct[tensor].size(); ++i) {
      largest = std::max(largest, std::abs(direct[tensor][i]));
      apart = std::max(apart, std::abs(direct[tensor][i] - fast[tensor][i]));
    }
    CHECK(apart < 1e-5f * largest);
  }
}

TEST_CASE("no convolution falls to oneDNN's reference code, whatever its channels") {
  if (dnnl::get_effective_cpu_isa() < dnnl::cpu_isa::avx512_core) return;
  for (const Precision precision : {Precision::f32, resolve(Precision::automatic)})
    for (const char* second :
         {"{type = 'conv', filters = 8}", "{type = 'conv', filters = 3}",
          "{type = 'conv', filters = 8, stride = 2}", "{type = 'conv', filters = 8, dilation = 2}",
          "{type = 'conv', filters = 8, size = 7, padding = 'valid'}"})
      for (const char* first : {"{type = 'conv', filters = 8}", "{type = 'conv', filters = 3}"}) {
        CAPTURE(first);
        CAPTURE(second);
        Network network(layers_from(std::string("[") + first + ", " + second + ", 'batch_norm']"),
                        {1, 16, 16}, precision, Mode::training);
        network.plan(16);
        for (const Network::LayerWork& work : network.work()) {
          CAPTURE(work.layer);
          CAPTURE(work.part);
          CHECK(work.kernel.find("ref") != 0);
        }
      }
}

TEST_CASE("where the processor has AMX, every convolution in bf16 uses it") {
  if (!has(dnnl::cpu_isa::avx512_core_amx)) {
    MESSAGE("skipped: no AMX");
    return;
  }
  for (const auto& [layers, image] :
       {std::pair<const char*, Shape>{"[{type = 'conv', filters = 64, size = 10, padding = 'valid'}, 'relu', "
                                      "'max_pool', {type = 'conv', filters = 128, size = 7}]",
                                      {1, 52, 52}},
        {"[{type = 'residual', layers = [{type = 'conv', filters = 32}, 'batch_norm']}]", {3, 32, 32}}}) {
    Network network(layers_from(layers), image, Precision::bf16, Mode::training);
    network.plan(16);
    for (const Network::LayerWork& work : network.work())
      if (work.layer.find("conv") != std::string::npos) {
        CAPTURE(work.layer);
        CAPTURE(work.part);
        CHECK(work.kernel.find("amx") != std::string::npos);
      }
  }
}
