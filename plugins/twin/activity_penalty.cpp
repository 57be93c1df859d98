#include "loops.h"
#include "program.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

using Bf16 = std::uint16_t;

TWINFLOW_WIDE void add_slopes(float* __restrict gradient, const float* __restrict y, float l1, float two_l2,
                              std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) gradient[i] += penalty_slope(y[i], l1, two_l2);
}
TWINFLOW_WIDE void add_slopes(Bf16* __restrict gradient, const Bf16* __restrict y, float l1, float two_l2,
                              std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    gradient[i] = to_bf16(from_bf16(gradient[i]) + penalty_slope(from_bf16(y[i]), l1, two_l2));
}

/// Its output is its input, and so is the gradient, to which it adds in place.
class ActivityPenaltyOperation final : public Operation {
 public:
  ActivityPenaltyOperation(Program& program, int input, double l1, double l2)
      : program_(program), l1_(l1), l2_(l2) {
    const Activation in = program.activation(input);
    inputs = {input};
    outputs = {program.add_activation(in.shape, in.type, in.tag, in.gradient >= 0, input, input)};
    kept = {input};
  }
  void prepare(std::size_t) override {}
  void forward(const GhostBatchTask&) override {}
  void backward(const GhostBatchTask& task) override {
    const Activation& in = program_.activation(inputs[0]);
    if (in.gradient < 0) return;
    const double images = static_cast<double>(program_.whole_batch());
    const float l1 = static_cast<float>(l1_ / images), two_l2 = static_cast<float>(2.0 * l2_ / images);
    const std::size_t bytes = in.desc(task.count).get_size();
    if (in.type == memory::data_type::bf16)
      add_slopes(reinterpret_cast<Bf16*>(task.gradient(inputs[0])),
                 reinterpret_cast<const Bf16*>(task.value(inputs[0])), l1, two_l2, bytes / sizeof(Bf16));
    else
      add_slopes(reinterpret_cast<float*>(task.gradient(inputs[0])),
                 reinterpret_cast<const float*>(task.value(inputs[0])), l1, two_l2, bytes / sizeof(float));
  }

 private:
  Program& program_;
  double l1_, l2_;
};

/// Adds P = (l1 sum |x| + l2 sum x^2) / images to what training makes small, summed over the numbers of all
/// images of a batch; the slope of |x| at 0 is taken as 0. (Keras' ActivityRegularization.) P itself is not
/// in the loss that is reported.
class ActivityPenalty final : public Layer {
 public:
  static void describe(Spec<ActivityPenalty>& spec) {
    spec.summary("Passes its input on, and makes training keep it small.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 32

[[node.twin.layer]]
type = "activity_penalty"
l1 = 1e-5)");
    spec.param("l1", &ActivityPenalty::l1).doc("times the sum of the absolute values of an image").min(0.0);
    spec.param("l2", &ActivityPenalty::l2).doc("times the sum of the squares of an image").min(0.0);
  }
  Shape output(Shape in) const override { return in; }
  int plan(Program& program, const Planned& at) const override {
    auto operation = std::make_unique<ActivityPenaltyOperation>(program, at.input, l1, l2);
    const int made = operation->outputs[0];
    program.add(std::move(operation));
    return made;
  }

 private:
  double l1 = 0.0, l2 = 0.0;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "activity_penalty", ActivityPenalty)

}  // namespace twinflow::twin
