#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

/// Stochastic gradient descent, Keras' formulas. First w -= rate weight_decay w, decoupled from the gradient.
/// Then
///
///   no momentum:  w -= rate g
///   momentum:     v = momentum v - rate g;  w += v
///   nesterov:     v = momentum v - rate g;  w += momentum v - rate g
///
/// The rate is inside v (PyTorch's is outside: the same while the rate stays the same). Slots: v, if there is
/// momentum.
class Sgd final : public Optimizer {
 public:
  Sgd() { learning_rate = 0.01; }

  static void describe(Spec<Sgd>& spec) {
    spec.summary("Stochastic gradient descent, with momentum if wanted.");
    spec.example(R"([node.twin]
optimizer = { type = "sgd", learning_rate = 0.02, momentum = 0.9 })");
    spec.param("momentum", &Sgd::momentum).doc("part of the last step that is kept").range(0.0, 1.0);
    spec.param("nesterov", &Sgd::nesterov).doc("look ahead along the momentum");
    spec.check(&Sgd::check);
  }
  void check(const Checking& checking) const {
    if (nesterov && momentum == 0.0) checking.error("nesterov", "nesterov needs a momentum above 0");
  }

  std::size_t slots() const override { return momentum > 0.0 ? 1 : 0; }
  bool has_momentum() const override { return true; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    const float rate = static_cast<float>(step.rate), part = static_cast<float>(momentum);
    const float keep = static_cast<float>(1.0 - step.rate * weight_decay);
    float* __restrict w = weights.data();
    const float* __restrict g = gradient.data();
    if (momentum == 0.0) {
      for (std::size_t i = 0; i < weights.size(); ++i) w[i] = keep * w[i] - rate * g[i];
      return;
    }
    float* __restrict v = slots[0];
    if (nesterov) {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        v[i] = part * v[i] - rate * g[i];
        w[i] = keep * w[i] + (part * v[i] - rate * g[i]);
      }
    } else {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        v[i] = part * v[i] - rate * g[i];
        w[i] = keep * w[i] + v[i];
      }
    }
  }

 private:
  double momentum = 0.9;
  bool nesterov = false;
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "sgd", Sgd)

}  // namespace twinflow::twin
