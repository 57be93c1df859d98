#pragma once

#include <map>

#include "program.h"

namespace twinflow::twin {

/// The same values in another layout or type: between a bf16 stretch of a network and an f32 one, or when
/// plain rows are asked for. Its backward pass converts the gradient back.
class Reorder final : public Operation {
 public:
  Reorder(Program& program, int from, int to);
  void prepare(std::size_t count) override;
  void forward(const GhostBatchTask& task) override;
  void backward(const GhostBatchTask& task) override;

 private:
  struct Kernels {
    memory::desc from, to;
    Kernel there, back;
  };
  Program& program_;
  std::map<std::size_t, Kernels> kernels_;
};

}  // namespace twinflow::twin
