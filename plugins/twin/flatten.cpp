#include "program.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

/// The same numbers as one row, ordered by channel, row and column. A dense layer does that by itself, and
/// without the copy that this costs after a convolution.
class Flatten final : public Layer {
 public:
  static void describe(Spec<Flatten>& spec) {
    spec.summary("Channels, rows and columns as one row of numbers; a dense layer needs none before it.");
    spec.example(R"([[node.twin.layer]]
type = "conv"
filters = 4

[[node.twin.layer]]
type = "flatten")");
  }
  Shape output(Shape in) const override { return {in.size(), 1, 1}; }
  int plan(Program& program, const Planned& at) const override {
    constexpr auto plain = memory::format_tag::nchw;
    const int rows = program.as(at.input, program.activation(at.input).type, plain);
    const Activation in = program.activation(rows);
    return program.add_activation(output(in.shape), in.type, plain, in.gradient >= 0, rows, rows);
  }
};

}  // namespace

TWINFLOW_COMPONENT("layer", "flatten", Flatten)

}  // namespace twinflow::twin
