#include <cmath>

#include "loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE void adagrad(float* __restrict w, const float* __restrict g, float* __restrict sum,
                           std::size_t count, float keep, float rate, float more) {
  for (std::size_t i = 0; i < count; ++i) {
    sum[i] += g[i] * g[i];
    w[i] = keep * w[i] - rate * g[i] / std::sqrt(sum[i] + more);
  }
}

/// Adagrad (Duchi, Hazan and Singer 2011, the diagonal form), as in Keras:
///
///   s = s + g^2          w -= rate g / sqrt(initial + s + epsilon)
///
/// PyTorch adds epsilon outside of the root, and its initial is 0. Slots: s.
class Adagrad final : public Optimizer {
 public:
  static void describe(Spec<Adagrad>& spec) {
    spec.summary("Steps scaled by the root of the sum of all squared gradients so far.");
    spec.example(R"([node.twin]
optimizer = { type = "adagrad", learning_rate = 0.01 })");
    spec.param("initial", &Adagrad::initial).doc("what the sum of squares starts from").min(0.0);
    spec.param("epsilon", &Adagrad::epsilon).doc("added to the sum of squares").min(1e-30);
  }

  std::size_t slots() const override { return 1; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    adagrad(weights.data(), gradient.data(), slots[0], weights.size(), keep(step),
            static_cast<float>(step.rate), static_cast<float>(initial + epsilon));
  }

 private:
  double initial = 0.1, epsilon = 1e-7;
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "adagrad", Adagrad)

}  // namespace twinflow::twin
