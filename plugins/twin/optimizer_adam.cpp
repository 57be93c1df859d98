#include <cmath>

#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

/// Adam (Kingma and Ba 2015, the form at the end of its section 2, which Keras uses), t counted from 0:
///
///   m = beta_1 m + (1 - beta_1) g          v = beta_2 v + (1 - beta_2) g^2
///   w -= rate sqrt(1 - beta_2^(t+1)) / (1 - beta_1^(t+1)) * m / (sqrt(v) + epsilon)
///
/// epsilon stands outside the correction of v; PyTorch's stands inside, which for the same number is a larger
/// one in early updates. AdamW (Loshchilov and Hutter 2019) first shrinks the weights: w -= rate weight_decay
/// w. Slots: m, v.
class Adam : public Optimizer {
 public:
  static void describe(Spec<Adam>& spec) {
    spec.summary("Adam: steps scaled by running moments of the gradient (Keras' formula).");
    spec.example(R"([node.twin]
optimizer = { type = "adam", learning_rate = 1e-3 })");
    describe_moments(spec);
  }

  std::size_t slots() const override { return 2; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    const double updates = static_cast<double>(step.t) + 1.0;
    const float alpha = static_cast<float>(step.rate * std::sqrt(1.0 - std::pow(beta_2, updates)) /
                                           (1.0 - std::pow(beta_1, updates)));
    const float keep = static_cast<float>(1.0 - step.rate * weight_decay), eps = static_cast<float>(epsilon);
    const float b1 = static_cast<float>(beta_1), b2 = static_cast<float>(beta_2);
    const float c1 = static_cast<float>(1.0 - beta_1), c2 = static_cast<float>(1.0 - beta_2);
    float* __restrict w = weights.data();
    const float* __restrict g = gradient.data();
    float* __restrict m = slots[0];
    float* __restrict v = slots[1];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      m[i] = b1 * m[i] + c1 * g[i];
      v[i] = b2 * v[i] + c2 * g[i] * g[i];
      w[i] = keep * w[i] - alpha * m[i] / (std::sqrt(v[i]) + eps);
    }
  }

 protected:
  template <class AnySpec>
  static void describe_moments(AnySpec& spec) {
    spec.param("beta_1", &Adam::beta_1).doc("decay of the mean of gradients").range(0.0, 0.9999999);
    spec.param("beta_2", &Adam::beta_2).doc("decay of the mean of squared gradients").range(0.0, 0.9999999);
    spec.param("epsilon", &Adam::epsilon).doc("added to the root of the mean of squares").min(1e-30);
  }

  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
};

class AdamW final : public Adam {
 public:
  AdamW() { weight_decay = 0.01; }  // PyTorch's default

  static void describe(Spec<AdamW>& spec) {
    spec.summary("Adam with decoupled weight decay.");
    spec.example(R"([node.twin]
optimizer = { type = "adamw", learning_rate = 1e-3, weight_decay = 1e-4 })");
    describe_moments(spec);
  }
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "adam", Adam)
TWINFLOW_COMPONENT("optimizer", "adamw", AdamW)

}  // namespace twinflow::twin
