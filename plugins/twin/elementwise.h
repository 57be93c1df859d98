#pragma once

#include "program.h"

namespace twinflow::twin {

/// One of oneDNN's functions of one number. `backward`: the algorithm's "use_dst_for_bwd" form where it has
/// one, so that the gradient is had from y; else the algorithm itself, and x is kept.
struct Function {
  dnnl::algorithm forward, backward;
  float alpha = 0.0f, beta = 0.0f;
};

inline const Function relu{dnnl::algorithm::eltwise_relu, dnnl::algorithm::eltwise_relu_use_dst_for_bwd};

/// The gradient of x from that of y, which it may take the place of.
Kernel elementwise_gradient(const Function& function, const memory::desc& data);

/// Adds y = f(x) for each number; returns y.
int add_elementwise(Program& program, int input, const Function& function);

/// Adds y = a + b or, with `relu`, max(a + b, 0); returns y. The gradient of y goes to both.
int add_sum(Program& program, int a, int b, bool relu);

/// Adds a fork: the input's values under two names, whose gradients are summed.
std::pair<int, int> add_fork(Program& program, int input);

}  // namespace twinflow::twin
