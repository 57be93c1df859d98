#include <algorithm>
#include <cmath>

#include "loops.h"
#include "moments.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE void adamax(float* __restrict w, const float* __restrict g, float* __restrict m,
                          float* __restrict u, std::size_t count, float keep, float alpha, float b1, float c1,
                          float b2, float epsilon) {
  for (std::size_t i = 0; i < count; ++i) {
    m[i] = b1 * m[i] + c1 * g[i];
    u[i] = std::max(b2 * u[i], std::abs(g[i]));
    w[i] = keep * w[i] - alpha * m[i] / (u[i] + epsilon);
  }
}

/// AdaMax (Kingma and Ba 2015, section 7.1; epsilon as in Keras), t counted from 0:
///
///   m = beta_1 m + (1 - beta_1) g          u = max(beta_2 u, |g|)
///   w -= rate / (1 - beta_1^(t+1)) * m / (u + epsilon)
///
/// (PyTorch adds epsilon to |g| instead.) Slots: m, u.
class AdaMax final : public Optimizer, public Moments {
 public:
  static void describe(Spec<AdaMax>& spec) {
    spec.summary("Adam with the largest gradient of late, rather than the root of a mean of squares.");
    spec.example(R"([node.twin]
optimizer = { type = "adamax", learning_rate = 2e-3 })");
    describe_moments(spec);
  }

  std::size_t slots() const override { return 2; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    const double alpha = step.rate / (1.0 - std::pow(beta_1, static_cast<double>(step.t) + 1.0));
    adamax(weights.data(), gradient.data(), slots[0], slots[1], weights.size(), keep(step),
           static_cast<float>(alpha), static_cast<float>(beta_1), static_cast<float>(1.0 - beta_1),
           static_cast<float>(beta_2), static_cast<float>(epsilon));
  }
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "adamax", AdaMax)

}  // namespace twinflow::twin
