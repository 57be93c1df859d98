#include <map>

#include "program.h"
#include "twinflow/error.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

using dnnl::pooling_backward;
using dnnl::pooling_forward;

/// Remembers, for each output, which input was the largest (the first of equals).
class MaxPoolOperation final : public Operation {
 public:
  MaxPoolOperation(Program& program, int input, Shape out, std::int64_t size, std::int64_t stride)
      : program_(program), size_(size), stride_(stride) {
    const Activation in = program.activation(input);
    inputs = {input};
    outputs = {program.add_activation(out, in.type, in.tag, in.gradient >= 0)};
  }

  void prepare(std::size_t count) override {
    if (kernels_.contains(count)) return;
    Kernels& made = kernels_[count];
    made.src = program_.activation(inputs[0]).desc(count);
    made.dst = program_.activation(outputs[0]).desc(count);
    const auto kind =
        program_.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    const memory::dims strides{stride_, stride_}, kernel{size_, size_}, none{0, 0};
    const pooling_forward::primitive_desc forward(
        {kind, dnnl::algorithm::pooling_max, made.src, made.dst, strides, kernel, none, none}, attributes(),
        engine());
    made.forward = Kernel::make<pooling_forward>(forward);
    if (!program_.training) return;
    made.chosen = forward.workspace_desc();
    made.backward = Kernel::make<pooling_backward>(
        {{dnnl::algorithm::pooling_max, made.src, made.dst, strides, kernel, none, none},
         attributes(),
         engine(),
         forward});
  }

  void begin(std::size_t shards, std::size_t largest, std::size_t) override {
    if (!program_.training) return;
    if (chosen_.size() < shards) chosen_.resize(shards);
    for (Buffer& buffer : chosen_) buffer.need(kernels_.at(largest).chosen.get_size());
  }

  void forward(const Task& task) override {
    const Kernels& at = kernels_.at(task.count);
    const Argument src{DNNL_ARG_SRC, at.src, task.value(inputs[0])},
        dst{DNNL_ARG_DST, at.dst, task.value(outputs[0])};
    if (program_.training)
      task.run(at.forward, {src, dst, {DNNL_ARG_WORKSPACE, at.chosen, chosen_[task.shard].data()}});
    else
      task.run(at.forward, {src, dst});
  }

  void backward(const Task& task) override {
    if (program_.activation(inputs[0]).gradient < 0) return;
    const Kernels& at = kernels_.at(task.count);
    task.run(at.backward, {{DNNL_ARG_DIFF_DST, at.dst, task.gradient(outputs[0])},
                           {DNNL_ARG_DIFF_SRC, at.src, task.gradient(inputs[0])},
                           {DNNL_ARG_WORKSPACE, at.chosen, chosen_[task.shard].data()}});
  }

 private:
  struct Kernels {
    memory::desc src, dst, chosen;
    Kernel forward, backward;
  };
  Program& program_;
  std::int64_t size_, stride_;
  std::map<std::size_t, Kernels> kernels_;
  std::vector<Buffer> chosen_;  // of each shard
};

/// The largest value of each window; rows and columns that fill no window are dropped.
class MaxPool final : public Layer {
 public:
  static void describe(Spec<MaxPool>& spec) {
    spec.summary("The largest value of each window.");
    spec.example(R"([[node.twin.layer]]
type = "conv"
filters = 8

[[node.twin.layer]]
type = "max_pool"
size = 3
stride = 2)");
    spec.param("size", &MaxPool::size).doc("height and width of the window").unit("pixels").min(1);
    spec.param("stride", &MaxPool::stride).doc("step of the window; 0 means its size").unit("pixels").min(0);
  }
  Shape output(Shape in) const override {
    const auto window = static_cast<std::size_t>(size), by = static_cast<std::size_t>(step());
    if (in.height < window || in.width < window)
      throw Error("a " + std::to_string(size) + "x" + std::to_string(size) + " window does not fit into " +
                  in.text());
    return {in.channels, (in.height - window) / by + 1, (in.width - window) / by + 1};
  }
  int plan(Program& program, const Planned& at) const override {
    auto operation = std::make_unique<MaxPoolOperation>(
        program, at.input, output(program.activation(at.input).shape), size, step());
    const int made = operation->outputs[0];
    program.add(std::move(operation));
    return made;
  }
  bool commutes_with_relu() const override { return true; }
  bool is_pool_of_2() const override { return size == 2 && step() == 2; }

 private:
  std::int64_t step() const { return stride > 0 ? stride : size; }
  std::int64_t size = 2, stride = 0;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "max_pool", MaxPool)

}  // namespace twinflow::twin
