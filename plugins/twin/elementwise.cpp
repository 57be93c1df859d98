#include "elementwise.h"

#include <map>

#include "describe.h"

namespace twinflow::twin {
namespace {

using dnnl::eltwise_backward;
using dnnl::eltwise_forward;

eltwise_forward::primitive_desc forward_desc(dnnl::prop_kind kind, const Function& f,
                                             const memory::desc& data) {
  return describe<eltwise_forward>(attributes(), false, kind, f.forward, data, data, f.alpha, f.beta);
}

Kernel addition(const memory::desc& data, bool relu) {
  dnnl::primitive_attr attr = attributes();
  dnnl::post_ops after;
  if (relu) append_relu(after);
  attr.set_post_ops(after);
  return Kernel::make<dnnl::binary>(
      describe<dnnl::binary>(attr, false, dnnl::algorithm::binary_add, data, data, data));
}

struct Kernels {
  memory::desc data;
  Kernel forward, backward;
};

class Elementwise final : public Operation {
 public:
  Elementwise(Program& program, int input, const Function& function)
      : program_(program), function_(function), from_output_(function.forward != function.backward) {
    const Activation in = program.activation(input);
    inputs = {input};
    outputs = {program.add_activation(in.shape, in.type, in.tag, in.gradient >= 0)};
    kept = from_output_ ? outputs : inputs;
  }
  void prepare(std::size_t count) override {
    if (kernels_.contains(count)) return;
    const memory::desc data = program_.activation(inputs[0]).desc(count);
    const auto kind =
        program_.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    kernels_[count] = {data, Kernel::make<eltwise_forward>(forward_desc(kind, function_, data)),
                       program_.training ? elementwise_gradient(function_, data) : Kernel()};
  }
  void forward(const GhostBatchTask& task) override {
    const Kernels& at = kernels_.at(task.count);
    task.run(at.forward, {{DNNL_ARG_SRC, at.data, task.value(inputs[0])},
                          {DNNL_ARG_DST, at.data, task.value(outputs[0])}});
  }
  void backward(const GhostBatchTask& task) override {
    if (program_.activation(inputs[0]).gradient < 0) return;
    const Kernels& at = kernels_.at(task.count);
    const Argument read = from_output_ ? Argument{DNNL_ARG_DST, at.data, task.value(outputs[0])}
                                       : Argument{DNNL_ARG_SRC, at.data, task.value(inputs[0])};
    task.run(at.backward, {read,
                           {DNNL_ARG_DIFF_DST, at.data, task.gradient(outputs[0])},
                           {DNNL_ARG_DIFF_SRC, at.data, task.gradient(inputs[0])}});
  }

 private:
  Program& program_;
  const Function function_;
  const bool from_output_;
  std::map<std::size_t, Kernels> kernels_;
};

/// Each input has its own copy of the gradient: the branches may overwrite theirs.
class Sum final : public Operation {
 public:
  Sum(Program& program, int a, int b, bool relu) : program_(program), relu_(relu) {
    const Activation in = program.activation(a);
    inputs = {a, b};
    outputs = {program.add_activation(in.shape, in.type, in.tag, true)};
    if (relu) kept = outputs;
  }
  void prepare(std::size_t count) override {
    if (kernels_.contains(count)) return;
    const memory::desc data = program_.activation(inputs[0]).desc(count);
    kernels_[count] = {data, addition(data, relu_),
                       relu_ && program_.training ? elementwise_gradient(relu, data) : Kernel()};
  }
  void forward(const GhostBatchTask& task) override {
    const Kernels& at = kernels_.at(task.count);
    task.run(at.forward, {{DNNL_ARG_SRC_0, at.data, task.value(inputs[0])},
                          {DNNL_ARG_SRC_1, at.data, task.value(inputs[1])},
                          {DNNL_ARG_DST, at.data, task.value(outputs[0])}});
  }
  void backward(const GhostBatchTask& task) override {
    const Kernels& at = kernels_.at(task.count);
    for (int input : inputs) {
      if (program_.activation(input).gradient < 0) continue;
      std::byte* to = task.gradient(input);
      const std::byte* from = task.gradient(outputs[0]);
      if (relu_)
        task.run(at.backward, {{DNNL_ARG_DST, at.data, task.value(outputs[0])},
                               {DNNL_ARG_DIFF_DST, at.data, from},
                               {DNNL_ARG_DIFF_SRC, at.data, to}});
      else
        std::copy_n(from, at.data.get_size(), to);
    }
  }

 private:
  Program& program_;
  bool relu_;
  std::map<std::size_t, Kernels> kernels_;
};

class Fork final : public Operation {
 public:
  Fork(Program& program, int input) : program_(program) {
    const Activation in = program.activation(input);
    const bool gradient = in.gradient >= 0;
    inputs = {input};
    for (int i = 0; i < 2; ++i)
      outputs.push_back(program.add_activation(in.shape, in.type, in.tag, gradient, input));
  }
  void prepare(std::size_t count) override {
    if (kernels_.contains(count) || !program_.training) return;
    const memory::desc data = program_.activation(inputs[0]).desc(count);
    kernels_[count] = {data, Kernel(), addition(data, false)};
  }
  void forward(const GhostBatchTask&) override {}
  void backward(const GhostBatchTask& task) override {
    if (program_.activation(inputs[0]).gradient < 0) return;
    const Kernels& at = kernels_.at(task.count);
    task.run(at.backward, {{DNNL_ARG_SRC_0, at.data, task.gradient(outputs[0])},
                           {DNNL_ARG_SRC_1, at.data, task.gradient(outputs[1])},
                           {DNNL_ARG_DST, at.data, task.gradient(inputs[0])}});
  }

 private:
  Program& program_;
  std::map<std::size_t, Kernels> kernels_;
};

template <class Made, class... Arguments>
std::vector<int> add(Program& program, Arguments... arguments) {
  auto operation = std::make_unique<Made>(program, arguments...);
  const std::vector<int> made = operation->outputs;
  program.add(std::move(operation));
  return made;
}

}  // namespace

Kernel elementwise_gradient(const Function& f, const memory::desc& data) {
  return Kernel::make<eltwise_backward>(
      describe_backward<eltwise_backward>(forward_desc(dnnl::prop_kind::forward_training, f, data), false,
                                          f.backward, data, data, data, f.alpha, f.beta));
}

int add_elementwise(Program& program, int input, const Function& function) {
  return add<Elementwise>(program, input, function)[0];
}

int add_sum(Program& program, int a, int b, bool relu) { return add<Sum>(program, a, b, relu)[0]; }

std::pair<int, int> add_fork(Program& program, int input) {
  const std::vector<int> made = add<Fork>(program, input);
  return {made[0], made[1]};
}

}  // namespace twinflow::twin
