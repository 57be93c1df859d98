#include <cmath>

#include "loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE void adadelta(float* __restrict w, const float* __restrict g, float* __restrict v,
                            float* __restrict x, std::size_t count, float keep, float rate, float rho,
                            float one_less, float epsilon) {
  for (std::size_t i = 0; i < count; ++i) {
    v[i] = rho * v[i] + one_less * g[i] * g[i];
    const float step = std::sqrt(x[i] + epsilon) / std::sqrt(v[i] + epsilon) * g[i];
    x[i] = rho * x[i] + one_less * step * step;
    w[i] = keep * w[i] - rate * step;
  }
}

/// Adadelta (Zeiler 2012, algorithm 1), which Keras and PyTorch write alike:
///
///   v = rho v + (1 - rho) g^2          u = sqrt(x + epsilon) / sqrt(v + epsilon) * g
///   x = rho x + (1 - rho) u^2          w -= rate u
///
/// The paper has no rate, which is a rate of 1. Slots: v, x.
class Adadelta final : public Optimizer {
 public:
  Adadelta() { learning_rate = 1.0; }

  static void describe(Spec<Adadelta>& spec) {
    spec.summary("Steps as large as steps have been of late: needs no learning rate, which scales them.");
    spec.example(R"([node.twin]
optimizer = "adadelta")");
    spec.param("rho", &Adadelta::rho).doc("decay of both means of squares").range(0.0, 0.9999999);
    spec.param("epsilon", &Adadelta::epsilon)
        .doc("added to both means of squares: the size of the first steps depends on it")
        .min(1e-30);
  }

  std::size_t slots() const override { return 2; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    adadelta(weights.data(), gradient.data(), slots[0], slots[1], weights.size(), keep(step),
             static_cast<float>(step.rate), static_cast<float>(rho), static_cast<float>(1.0 - rho),
             static_cast<float>(epsilon));
  }

 private:
  double rho = 0.95, epsilon = 1e-7;
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "adadelta", Adadelta)

}  // namespace twinflow::twin
