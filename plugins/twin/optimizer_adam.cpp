#include "optimizer_adam.h"

#include <algorithm>
#include <cmath>

#include "loops.h"
#include "twinflow/plugin.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE void adam(float* __restrict w, const float* __restrict g, float* __restrict m,
                        float* __restrict v, std::size_t count, AdamFactors by) {
  for (std::size_t i = 0; i < count; ++i) {
    m[i] = by.b1 * m[i] + by.c1 * g[i];
    v[i] = by.b2 * v[i] + by.c2 * g[i] * g[i];
    w[i] = by.keep * w[i] - by.alpha * m[i] / (std::sqrt(v[i]) + by.epsilon);
  }
}

TWINFLOW_WIDE void amsgrad(float* __restrict w, const float* __restrict g, float* __restrict m,
                           float* __restrict v, float* __restrict largest, std::size_t count,
                           AdamFactors by) {
  for (std::size_t i = 0; i < count; ++i) {
    m[i] = by.b1 * m[i] + by.c1 * g[i];
    v[i] = by.b2 * v[i] + by.c2 * g[i] * g[i];
    largest[i] = std::max(largest[i], v[i]);
    w[i] = by.keep * w[i] - by.alpha * m[i] / (std::sqrt(largest[i]) + by.epsilon);
  }
}

}  // namespace

void Adam::describe(Spec<Adam>& spec) {
  spec.summary("Adam: steps scaled by running moments of the gradient (Keras' formula).");
  spec.example(R"([node.twin]
optimizer = { type = "adam", learning_rate = 1e-3 })");
  describe_moments(spec);
}

void Adam::update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
                  const UpdateStep& step) const {
  adam(weights.data(), gradient.data(), slots[0], slots[1], weights.size(), factors(step));
}

AdamFactors Adam::factors(const UpdateStep& step) const {
  const double updates = static_cast<double>(step.t) + 1.0;
  const double alpha =
      step.rate * std::sqrt(1.0 - std::pow(beta_2, updates)) / (1.0 - std::pow(beta_1, updates));
  return {keep(step),
          static_cast<float>(alpha),
          static_cast<float>(beta_1),
          static_cast<float>(beta_2),
          static_cast<float>(1.0 - beta_1),
          static_cast<float>(1.0 - beta_2),
          static_cast<float>(epsilon)};
}

namespace {

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

class AmsGrad final : public Adam {
 public:
  static void describe(Spec<AmsGrad>& spec) {
    spec.summary(
        "Adam whose steps are scaled by the largest second moment so far, so that they only shrink.");
    spec.example(R"([node.twin]
optimizer = { type = "amsgrad", learning_rate = 1e-3 })");
    describe_moments(spec);
  }

  std::size_t slots() const override { return 3; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    amsgrad(weights.data(), gradient.data(), slots[0], slots[1], slots[2], weights.size(), factors(step));
  }
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "adam", Adam)
TWINFLOW_COMPONENT("optimizer", "adamw", AdamW)
TWINFLOW_COMPONENT("optimizer", "amsgrad", AmsGrad)

}  // namespace twinflow::twin
