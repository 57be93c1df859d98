#include <cmath>

#include "program.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

constexpr float smallest = 1e-12f;  // a shorter vector is divided by this, as PyTorch's normalize does

/// One row after another, in f32, whatever the network's precision.
class L2NormalizeOperation final : public Operation {
 public:
  L2NormalizeOperation(Program& program, int input) : program_(program) {
    const Activation in = program.activation(input);
    size_ = in.shape.size();
    inputs = {input};
    outputs = {program.add_activation({size_, 1, 1}, in.type, in.tag, in.gradient >= 0)};
    kept = outputs;
  }
  void prepare(std::size_t) override {}
  void begin(std::size_t, std::size_t, std::size_t batch) override { lengths_.resize(batch); }

  void forward(const Task& task) override {
    for (std::size_t i = 0; i < task.count; ++i) {
      const float* x = row(task.value(inputs[0]), i);
      float* y = row(task.value(outputs[0]), i);
      double squares = 0.0;
      for (std::size_t k = 0; k < size_; ++k) squares += static_cast<double>(x[k]) * x[k];
      const float length = static_cast<float>(std::sqrt(squares));
      lengths_[task.first + i] = length;
      const float inverse = 1.0f / std::max(length, smallest);
      for (std::size_t k = 0; k < size_; ++k) y[k] = x[k] * inverse;
    }
  }

  void backward(const Task& task) override {
    if (program_.activation(inputs[0]).gradient < 0) return;
    for (std::size_t i = 0; i < task.count; ++i) {
      const float* y = row(task.value(outputs[0]), i);
      const float* given = row(task.gradient(outputs[0]), i);
      float* out = row(task.gradient(inputs[0]), i);
      const float length = lengths_[task.first + i];
      double along = 0.0;
      if (length > smallest)
        for (std::size_t k = 0; k < size_; ++k) along += static_cast<double>(given[k]) * y[k];
      const float inverse = 1.0f / std::max(length, smallest), projection = static_cast<float>(along);
      for (std::size_t k = 0; k < size_; ++k) out[k] = (given[k] - projection * y[k]) * inverse;
    }
  }

 private:
  float* row(std::byte* data, std::size_t i) const { return reinterpret_cast<float*>(data) + i * size_; }

  Program& program_;
  std::size_t size_ = 0;
  std::vector<float> lengths_;
};

/// y = x / max(|x|, 1e-12), over all numbers of an image, flattened as channels, rows, columns.
class L2Normalize final : public Layer {
 public:
  static void describe(Spec<L2Normalize>& spec) {
    spec.summary("Scales each image's vector to length 1.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 64

[[node.twin.layer]]
type = "l2_normalize")");
  }
  Shape output(Shape in) const override { return {in.size(), 1, 1}; }
  int plan(Program& program, const Planned& at) const override {
    const int plain = program.as(at.input, memory::data_type::f32, memory::format_tag::nchw);
    auto operation = std::make_unique<L2NormalizeOperation>(program, plain);
    const int made = operation->outputs[0];
    program.add(std::move(operation));
    return made;
  }
};

}  // namespace

TWINFLOW_COMPONENT("layer", "l2_normalize", L2Normalize)

}  // namespace twinflow::twin
