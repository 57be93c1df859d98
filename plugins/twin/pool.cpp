#include <map>

#include "describe.h"
#include "program.h"
#include "twinflow/error.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

using dnnl::algorithm;
using dnnl::pooling_backward;
using dnnl::pooling_forward;

/// Of windows without padding. pooling_max remembers, for each output, which input was the largest (the first
/// of equals).
class PoolOperation final : public Operation {
 public:
  PoolOperation(Program& program, int input, Shape out, algorithm kind, memory::dims window,
                memory::dims strides)
      : program_(program),
        kind_(kind),
        window_(std::move(window)),
        strides_(std::move(strides)),
        remembers_(program.training && kind == algorithm::pooling_max) {
    const Activation in = program.activation(input);
    inputs = {input};
    outputs = {program.add_activation(out, in.type, in.tag, in.gradient >= 0)};
  }

  void prepare(std::size_t count) override {
    if (kernels_.contains(count)) return;
    Kernels& made = kernels_[count];
    made.src = program_.activation(inputs[0]).desc(count);
    made.dst = program_.activation(outputs[0]).desc(count);
    const auto prop =
        program_.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    const memory::dims none{0, 0};
    const auto forward = describe<pooling_forward>(attributes(), false, prop, kind_, made.src, made.dst,
                                                   strides_, window_, none, none, none);
    made.forward = Kernel::make<pooling_forward>(forward);
    if (!program_.training) return;
    if (remembers_) made.chosen = forward.workspace_desc();
    made.backward = Kernel::make<pooling_backward>(describe_backward<pooling_backward>(
        forward, false, kind_, made.src, made.dst, strides_, window_, none, none, none));
  }

  void begin(std::size_t shards, std::size_t largest, std::size_t) override {
    if (!remembers_) return;
    if (chosen_.size() < shards) chosen_.resize(shards);
    for (Buffer& buffer : chosen_) buffer.need(kernels_.at(largest).chosen.get_size());
  }

  std::size_t bytes() const override {
    std::size_t sum = 0;
    for (const Buffer& buffer : chosen_) sum += buffer.size();
    return sum;
  }

  void forward(const GhostBatchTask& task) override {
    const Kernels& at = kernels_.at(task.count);
    const Argument src{DNNL_ARG_SRC, at.src, task.value(inputs[0])},
        dst{DNNL_ARG_DST, at.dst, task.value(outputs[0])};
    if (remembers_)
      task.run(at.forward, {src, dst, {DNNL_ARG_WORKSPACE, at.chosen, chosen_[task.shard].data()}});
    else
      task.run(at.forward, {src, dst});
  }

  void backward(const GhostBatchTask& task) override {
    if (program_.activation(inputs[0]).gradient < 0) return;
    const Kernels& at = kernels_.at(task.count);
    const Argument diff_dst{DNNL_ARG_DIFF_DST, at.dst, task.gradient(outputs[0])},
        diff_src{DNNL_ARG_DIFF_SRC, at.src, task.gradient(inputs[0])};
    if (remembers_)
      task.run(at.backward,
               {diff_dst, diff_src, {DNNL_ARG_WORKSPACE, at.chosen, chosen_[task.shard].data()}});
    else
      task.run(at.backward, {diff_dst, diff_src});
  }

 private:
  struct Kernels {
    memory::desc src, dst, chosen;
    Kernel forward, backward;
  };
  Program& program_;
  const algorithm kind_;
  const memory::dims window_, strides_;
  const bool remembers_;
  std::map<std::size_t, Kernels> kernels_;
  std::vector<Buffer> chosen_;  // of each shard
};

/// Plans it for windows of height x width pixels.
int add_pooling(Program& program, int input, algorithm kind, Shape out, memory::dims window,
                memory::dims strides) {
  auto operation =
      std::make_unique<PoolOperation>(program, input, out, kind, std::move(window), std::move(strides));
  const int made = operation->outputs[0];
  program.add(std::move(operation));
  return made;
}

/// "[[node.twin.layer]]" tables: a convolution, then the pooling.
std::string after_conv(const std::string& rest) {
  return "[[node.twin.layer]]\ntype = \"conv\"\nfilters = 8\n\n[[node.twin.layer]]\n" + rest;
}

/// A window that goes over the image; rows and columns that fill no window are dropped.
class WindowPool : public Layer {
 public:
  Shape output(Shape in) const override {
    const auto window = static_cast<std::size_t>(size), by = static_cast<std::size_t>(step());
    if (in.height < window || in.width < window)
      throw Error("a " + std::to_string(size) + "x" + std::to_string(size) + " window does not fit into " +
                  in.text());
    return {in.channels, (in.height - window) / by + 1, (in.width - window) / by + 1};
  }
  int plan(Program& program, const Planned& at) const override {
    return add_pooling(program, at.input, kind(), output(program.activation(at.input).shape), {size, size},
                       {step(), step()});
  }

 protected:
  template <class Type>
  static void describe_window(Spec<Type>& spec) {
    spec.param("size", &WindowPool::size)
        .doc("height and width of the window")
        .unit("pixels")
        .range(1, 65536);
    spec.param("stride", &WindowPool::stride)
        .doc("step of the window; 0 means its size")
        .unit("pixels")
        .range(0, 65536);
  }
  std::int64_t step() const { return stride > 0 ? stride : size; }
  std::int64_t size = 2, stride = 0;

 private:
  virtual algorithm kind() const = 0;
};

class MaxPool final : public WindowPool {
 public:
  static void describe(Spec<MaxPool>& spec) {
    spec.summary("The largest value of each window.");
    spec.example(after_conv("type = \"max_pool\"\nsize = 3\nstride = 2"));
    describe_window(spec);
  }
  bool commutes_with_relu() const override { return true; }
  bool is_pool_of_2() const override { return size == 2 && step() == 2; }

 private:
  algorithm kind() const override { return algorithm::pooling_max; }
};

class AveragePool final : public WindowPool {
 public:
  static void describe(Spec<AveragePool>& spec) {
    spec.summary("The mean of each window.");
    spec.example(after_conv("type = \"avg_pool\"\nsize = 2"));
    describe_window(spec);
  }

 private:
  algorithm kind() const override { return algorithm::pooling_avg_exclude_padding; }
};

/// One number for each channel, whatever the size of the image.
class GlobalPool : public Layer {
 public:
  Shape output(Shape in) const override { return {in.channels, 1, 1}; }
  int plan(Program& program, const Planned& at) const override {
    const Shape in = program.activation(at.input).shape;
    const memory::dims all{static_cast<memory::dim>(in.height), static_cast<memory::dim>(in.width)};
    return add_pooling(program, at.input, kind(), output(in), all, all);
  }

 private:
  virtual algorithm kind() const = 0;
};

class GlobalMaxPool final : public GlobalPool {
 public:
  static void describe(Spec<GlobalMaxPool>& spec) {
    spec.summary("The largest value of each channel.");
    spec.example(after_conv("type = \"global_max_pool\""));
  }
  bool commutes_with_relu() const override { return true; }

 private:
  algorithm kind() const override { return algorithm::pooling_max; }
};

class GlobalAveragePool final : public GlobalPool {
 public:
  static void describe(Spec<GlobalAveragePool>& spec) {
    spec.summary("The mean of each channel.");
    spec.example(after_conv("type = \"global_avg_pool\""));
  }

 private:
  algorithm kind() const override { return algorithm::pooling_avg_exclude_padding; }
};

}  // namespace

TWINFLOW_COMPONENT("layer", "max_pool", MaxPool)
TWINFLOW_COMPONENT("layer", "avg_pool", AveragePool)
TWINFLOW_COMPONENT("layer", "global_max_pool", GlobalMaxPool)
TWINFLOW_COMPONENT("layer", "global_avg_pool", GlobalAveragePool)

}  // namespace twinflow::twin
