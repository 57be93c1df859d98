#pragma once

#include "program.h"

namespace twinflow::twin {

/// Adds y = f(x) for each number, f one of oneDNN's functions whose gradient can be had from y; returns y.
/// `backward`: the algorithm's "use_dst_for_bwd" form.
int add_elementwise(Program& program, int input, dnnl::algorithm forward, dnnl::algorithm backward);

/// Adds y = a + b or, with `relu`, max(a + b, 0); returns y. The gradient of y goes to both.
int add_sum(Program& program, int a, int b, bool relu);

/// Adds a fork: the input's values under two names, whose gradients are summed.
std::pair<int, int> add_fork(Program& program, int input);

}  // namespace twinflow::twin
