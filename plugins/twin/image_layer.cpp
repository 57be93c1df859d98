#include "twinflow/twin/image_layer.h"

#include <algorithm>

#include "program.h"

namespace twinflow::twin {
namespace {

/// One image after another.
class ImageOperation final : public Operation {
 public:
  ImageOperation(Program& program, const ImageLayer& layer, const std::string& name, int input)
      : program_(program), layer_(layer), in_(program.activation(input).shape), out_(layer.output(in_)) {
    const Activation in = program.activation(input);
    for (const ImageLayer::Weight& one : layer.weights(in_)) {
      Parameter& made = program.add_parameter(name + "." + one.name, one.dims, {one.initializer, one.fan},
                                              Parameter::Kind::by_shard);
      const memory::desc plain({static_cast<memory::dim>(made.logical())}, memory::data_type::f32,
                               memory::format_tag::a);
      made.add_piece(0, static_cast<std::size_t>(one.dims.at(0)), plain, plain);
      parameters_.push_back(&made);
    }
    inputs = {input};
    outputs = {program.add_activation(out_, in.type, in.tag, in.gradient >= 0 || !parameters_.empty())};
    if (layer.keeps_input()) kept.push_back(input);
    if (layer.keeps_output()) kept.push_back(outputs[0]);
  }

  void prepare(std::size_t) override {}
  void begin(std::size_t, std::size_t, std::size_t batch) override {
    kept_.need(batch * layer_.kept(in_) * sizeof(float));
    weights_.clear();
    for (const Parameter* one : parameters_) weights_.emplace_back(one->weights, one->size());
  }
  std::size_t bytes() const override { return kept_.size(); }

  void forward(const GhostBatchTask& task) override {
    for (std::size_t i = 0; i < task.count; ++i)
      layer_.forward(in_, row(task.value(inputs[0]), in_, i), weights_, row(task.value(outputs[0]), out_, i),
                     kept_row(task.first + i));
  }

  void backward(const GhostBatchTask& task) override {
    const bool wanted = program_.activation(inputs[0]).gradient >= 0;
    if (!wanted && parameters_.empty()) return;
    ImageLayer::Gradients gradients;
    for (const Parameter* one : parameters_) {
      gradients.emplace_back(task.gradient(*one), one->size());
      std::fill(gradients.back().begin(), gradients.back().end(), 0.0f);
    }
    for (std::size_t i = 0; i < task.count; ++i) {
      ImageLayer::Passed passed;
      if (layer_.keeps_input()) passed.x = row(task.value(inputs[0]), in_, i);
      if (layer_.keeps_output()) passed.y = row(task.value(outputs[0]), out_, i);
      passed.kept = kept_row(task.first + i);
      ImageLayer::Values dx;
      if (wanted) dx = row(task.gradient(inputs[0]), in_, i);
      layer_.backward(in_, passed, weights_, row(task.gradient(outputs[0]), out_, i), dx, gradients);
    }
  }

 private:
  static std::span<float> row(std::byte* data, Shape shape, std::size_t i) {
    return {reinterpret_cast<float*>(data) + i * shape.size(), shape.size()};
  }
  std::span<float> kept_row(std::size_t image) {
    const std::size_t size = layer_.kept(in_);
    return {kept_.floats() + image * size, size};
  }

  Program& program_;
  const ImageLayer& layer_;  // the network's
  const Shape in_, out_;
  std::vector<Parameter*> parameters_;
  ImageLayer::Weights weights_;
  Buffer kept_;
};

}  // namespace

int ImageLayer::plan(Program& program, const Planned& at) const {
  const Activation given = program.activation(at.input);
  const int plain = program.as(at.input, memory::data_type::f32, memory::format_tag::nchw);
  auto operation = std::make_unique<ImageOperation>(program, *this, at.name, plain);
  const int made = operation->outputs[0];
  program.add(std::move(operation));
  // Convolutions are slow on plain numbers of many channels: back to how they were. Rows, as a dense layer
  // gives and takes them, and embeddings, stay f32.
  const Shape out = program.activation(made).shape;
  return out.height * out.width > 1 ? program.as(made, given.type, given.tag) : made;
}

}  // namespace twinflow::twin
