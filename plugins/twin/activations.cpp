#include "elementwise.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

/// max(x, 0); its gradient at 0 is 0. Fused into the layer before it where that is possible.
class Relu final : public Layer {
 public:
  static void describe(Spec<Relu>& spec) {
    spec.summary("max(x, 0).");
    spec.example(R"([[node.twin.layer]]
type = "conv"
filters = 8

[[node.twin.layer]]
type = "relu")");
  }
  Shape output(Shape in) const override { return in; }
  int plan(Program& program, const Planned& at) const override {
    return add_elementwise(program, at.input, dnnl::algorithm::eltwise_relu,
                           dnnl::algorithm::eltwise_relu_use_dst_for_bwd);
  }
  bool is_relu() const override { return true; }
};

/// 1 / (1 + exp(-x)).
class Sigmoid final : public Layer {
 public:
  static void describe(Spec<Sigmoid>& spec) {
    spec.summary("1 / (1 + exp(-x)).");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 32

[[node.twin.layer]]
type = "sigmoid")");
  }
  Shape output(Shape in) const override { return in; }
  int plan(Program& program, const Planned& at) const override {
    return add_elementwise(program, at.input, dnnl::algorithm::eltwise_logistic,
                           dnnl::algorithm::eltwise_logistic_use_dst_for_bwd);
  }
};

}  // namespace

TWINFLOW_COMPONENT("layer", "relu", Relu)
TWINFLOW_COMPONENT("layer", "sigmoid", Sigmoid)

}  // namespace twinflow::twin
