#include "reorder.h"

namespace twinflow::twin {

Reorder::Reorder(Program& program, int from, int to) : program_(program) {
  inputs = {from};
  outputs = {to};
}

void Reorder::prepare(std::size_t count) {
  if (kernels_.contains(count)) return;
  const memory::desc from = program_.activation(inputs[0]).desc(count),
                     to = program_.activation(outputs[0]).desc(count);
  kernels_[count] = {from, to, Kernel::reorder(from, to), Kernel::reorder(to, from)};
}

void Reorder::forward(const GhostBatchTask& task) {
  const Kernels& at = kernels_.at(task.count);
  task.run(at.there,
           {{DNNL_ARG_FROM, at.from, task.value(inputs[0])}, {DNNL_ARG_TO, at.to, task.value(outputs[0])}});
}

void Reorder::backward(const GhostBatchTask& task) {
  if (program_.activation(inputs[0]).gradient < 0) return;
  const Kernels& at = kernels_.at(task.count);
  task.run(at.back, {{DNNL_ARG_FROM, at.to, task.gradient(outputs[0])},
                     {DNNL_ARG_TO, at.from, task.gradient(inputs[0])}});
}

}  // namespace twinflow::twin
