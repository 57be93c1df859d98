#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "layers_from.h"
#include "plugins/twin/program.h"

/// What the tests of single layers share: numbers go in, come out, and gradients come back.
namespace twinflow::twin {

/// The images as an activation that wants a gradient, which it takes down.
class Entry final : public Operation {
 public:
  Entry(Program& program, std::vector<float>& gradient) : gradient_(gradient) {
    const Activation image = program.activation(program.image());
    size_ = image.shape.size();
    inputs = {program.image()};
    outputs = {program.add_activation(image.shape, image.type, image.tag, true)};
  }
  void prepare(std::size_t) override {}
  void forward(const GhostBatchTask& task) override {
    std::copy_n(task.value(inputs[0]), task.count * size_ * sizeof(float), task.value(outputs[0]));
  }
  void backward(const GhostBatchTask& task) override {
    std::copy_n(reinterpret_cast<const float*>(task.gradient(outputs[0])), task.count * size_,
                gradient_.begin() + static_cast<std::ptrdiff_t>(task.first * size_));
  }

 private:
  std::vector<float>& gradient_;
  std::size_t size_;
};

struct Through {
  std::vector<float> y, dx;
};

struct Setting {
  memory::data_type type = memory::data_type::f32;
  memory::format_tag tag = memory::format_tag::nchw;
  bool training = true;
  std::size_t shard = 4;
  int threads = 1;
  Pass pass = {};
  std::vector<std::pair<std::string, std::vector<float>>> weights = {};  // row-major; the others are 0
};

/// The layers' outputs for `images` and, in training, the gradients of sum(upstream * output) to them.
inline Through pass_through(const std::string& toml, Shape shape, const std::vector<float>& images,
                            const std::vector<float>& upstream, const Setting& setting = {}) {
  tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, 8);
  tbb::task_arena arena(setting.threads);
  return arena.execute([&] {
    const Layers layers = layers_from(toml);
    Through made;
    made.dx.resize(images.size());
    Program program(shape, setting.type, setting.training, setting.shard);
    auto entry = std::make_unique<Entry>(program, made.dx);
    const int start = entry->outputs[0];
    program.add(std::move(entry));
    int at = program.as(start, setting.type, setting.tag);
    at = plan_layers(program, layers, "", at, false);
    program.settle(program.as(at, memory::data_type::f32, memory::format_tag::nchw));
    program.random = [](std::string_view name, std::uint64_t a, std::uint64_t b) {
      return Random(stream_key(1, "test", name), a, b);
    };
    for (Parameter& parameter : program.parameters())
      for (const auto& [name, values] : setting.weights)
        if (parameter.name == name) parameter.set(values);
    const std::size_t count = images.size() / shape.size();
    program.forward(images.data(), count, setting.pass.first_image + count, setting.pass);
    made.y.assign(program.output(), program.output() + count * output_shape(layers, shape).size());
    if (setting.training) program.backward(upstream.data());
    return made;
  });
}

/// `count` normal numbers.
inline std::vector<float> normal_numbers(std::size_t count, std::uint64_t seed) {
  std::vector<float> numbers(count);
  Random random(seed, 0, 0);
  for (float& one : numbers) one = static_cast<float>(random.normal());
  return numbers;
}

/// The same bits for 1, 2 and 8 threads; and gradients to the inputs that agree with central differences.
/// The sum of outputs times upstream is taken in double, but outputs are f32: with a step of 1/64 the
/// quotient is good to some 1e-4 of the largest gradient, and `tolerance` leaves room for the third
/// derivative.
inline void check_layer(const std::string& toml, Shape shape, const Setting& setting = {},
                        double tolerance = 2e-3) {
  CAPTURE(toml);
  const std::size_t count = 9;
  const std::vector<float> images = normal_numbers(count * shape.size(), 11);
  const std::vector<float> upstream =
      normal_numbers(count * output_shape(layers_from(toml), shape).size(), 12);
  const auto run = [&](const std::vector<float>& from, int threads) {
    Setting one = setting;
    one.threads = threads;
    return pass_through(toml, shape, from, upstream, one);
  };
  const Through found = run(images, 1);
  for (const int threads : {2, 8}) {
    const Through again = run(images, threads);
    CHECK(again.y == found.y);
    CHECK(again.dx == found.dx);
  }
  for (std::uint64_t trial = 0; trial < 3; ++trial) {
    const std::vector<float> along = normal_numbers(images.size(), 20 + trial);
    constexpr float step = 1.0f / 64;
    std::vector<float> up = images, down = images;
    double expected = 0.0, slope = 0.0, size = 0.0;
    for (std::size_t i = 0; i < images.size(); ++i) {
      up[i] += step * along[i];
      down[i] -= step * along[i];
      expected += static_cast<double>(along[i]) * found.dx[i];
      size += static_cast<double>(along[i]) * along[i] * found.dx[i] * found.dx[i];
    }
    const std::vector<float> high = run(up, 1).y, low = run(down, 1).y;
    for (std::size_t i = 0; i < high.size(); ++i)
      slope += (static_cast<double>(high[i]) - low[i]) * upstream[i] / (2.0 * step);
    CHECK(std::abs(slope - expected) < tolerance * std::sqrt(size));
  }
}

}  // namespace twinflow::twin
