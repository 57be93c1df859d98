#include <algorithm>
#include <cmath>

#include "loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

struct Factors {
  float keep, rate, rho, one_less, inside, outside, momentum;  // inside, outside: epsilon or 0
};

/// `centre`, `b`: nullptr where there is no such memory.
TWINFLOW_WIDE void rmsprop(float* __restrict w, const float* __restrict g, float* __restrict v,
                           float* __restrict centre, float* __restrict b, std::size_t count, Factors by) {
  for (std::size_t i = 0; i < count; ++i) {
    v[i] = by.rho * v[i] + by.one_less * g[i] * g[i];
    float spread = v[i];
    if (centre) {
      centre[i] = by.rho * centre[i] + by.one_less * g[i];
      spread = std::max(0.0f, spread - centre[i] * centre[i]);  // never below 0 but for rounding
    }
    float change = by.rate * g[i] / (std::sqrt(spread + by.inside) + by.outside);
    if (b) change = b[i] = by.momentum * b[i] + change;
    w[i] = by.keep * w[i] - change;
  }
}

/// RMSprop (Hinton 2012, lecture 6e; centred form: Graves 2013, equations 38 to 41), Keras' formulas:
///
///   v = rho v + (1 - rho) g^2          centred: c = rho c + (1 - rho) g, and v - c^2 in the place of v
///   u = rate g / sqrt(v + epsilon)     with momentum: b = momentum b + u, and b in the place of u
///   w -= u
///
/// PyTorch's epsilon stands outside of the root (epsilon_inside = false). Slots: v, then c and b where they
/// are used.
class RmsProp final : public Optimizer {
 public:
  static void describe(Spec<RmsProp>& spec) {
    spec.summary("Steps scaled by the root of a running mean of squared gradients.");
    spec.example(R"([node.twin]
optimizer = { type = "rmsprop", learning_rate = 1e-3, momentum = 0.9 })");
    spec.param("rho", &RmsProp::rho).doc("decay of the mean of squared gradients").range(0.0, 0.9999999);
    spec.param("momentum", &RmsProp::momentum).doc("part of the last step that is kept").range(0.0, 1.0);
    spec.param("centered", &RmsProp::centered)
        .doc("divide by the gradient's deviation: take the square of its mean from the mean of its squares");
    spec.param("epsilon", &RmsProp::epsilon).doc("keeps the divisor from 0").min(1e-30);
    spec.param("epsilon_inside", &RmsProp::epsilon_inside)
        .doc("add epsilon inside the root, as Keras does; false: outside, as PyTorch does");
  }

  std::size_t slots() const override { return 1 + (centered ? 1 : 0) + (momentum > 0.0 ? 1 : 0); }
  bool has_momentum() const override { return momentum > 0.0; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    const float eps = static_cast<float>(epsilon);
    const Factors by = {keep(step),
                        static_cast<float>(step.rate),
                        static_cast<float>(rho),
                        static_cast<float>(1.0 - rho),
                        epsilon_inside ? eps : 0.0f,
                        epsilon_inside ? 0.0f : eps,
                        static_cast<float>(step.momentum.value_or(momentum))};
    rmsprop(weights.data(), gradient.data(), slots[0], centered ? slots[1] : nullptr,
            momentum > 0.0 ? slots.back() : nullptr, weights.size(), by);
  }

 private:
  double rho = 0.9, momentum = 0.0, epsilon = 1e-7;
  bool centered = false, epsilon_inside = true;
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "rmsprop", RmsProp)

}  // namespace twinflow::twin
