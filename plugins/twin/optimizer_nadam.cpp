#include <cmath>

#include "loops.h"
#include "moments.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

struct Factors {
  float keep, of_mean, of_gradient, of_squares, b1, b2, c1, c2, epsilon;
};

TWINFLOW_WIDE void nadam(float* __restrict w, const float* __restrict g, float* __restrict m,
                         float* __restrict v, std::size_t count, Factors by) {
  for (std::size_t i = 0; i < count; ++i) {
    m[i] = by.b1 * m[i] + by.c1 * g[i];
    v[i] = by.b2 * v[i] + by.c2 * g[i] * g[i];
    w[i] = by.keep * w[i] -
           (by.of_mean * m[i] + by.of_gradient * g[i]) / (std::sqrt(by.of_squares * v[i]) + by.epsilon);
  }
}

/// Nadam (Dozat 2016, "Incorporating Nesterov momentum into Adam", algorithm 2, with Keras' schedule of the
/// momentum), updates k counted from 1:
///
///   mu_k = beta_1 (1 - 0.96^(0.004 k) / 2)          P_k = mu_1 mu_2 ... mu_k
///   m = beta_1 m + (1 - beta_1) g                    v = beta_2 v + (1 - beta_2) g^2
///   w -= rate (mu_(k+1) m / (1 - P_(k+1)) + (1 - mu_k) g / (1 - P_k)) / (sqrt(v / (1 - beta_2^k)) + epsilon)
///
/// PyTorch 1.13 counts mu(t) twice in its next product. Slots: m, v.
class Nadam final : public Optimizer, public Moments {
 public:
  static void describe(Spec<Nadam>& spec) {
    spec.summary("Adam with Nesterov's momentum: looks ahead along the mean of gradients.");
    spec.example(R"([node.twin]
optimizer = { type = "nadam", learning_rate = 1e-3 })");
    describe_moments(spec);
  }

  std::size_t slots() const override { return 2; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    const double k = static_cast<double>(step.t) + 1.0;
    const double product = momentum_product(step.t + 1), next = product * momentum(k + 1.0);
    nadam(weights.data(), gradient.data(), slots[0], slots[1], weights.size(),
          {keep(step), static_cast<float>(step.rate * momentum(k + 1.0) / (1.0 - next)),
           static_cast<float>(step.rate * (1.0 - momentum(k)) / (1.0 - product)),
           static_cast<float>(1.0 / (1.0 - std::pow(beta_2, k))), static_cast<float>(beta_1),
           static_cast<float>(beta_2), static_cast<float>(1.0 - beta_1), static_cast<float>(1.0 - beta_2),
           static_cast<float>(epsilon)});
  }

 private:
  double momentum(double k) const { return beta_1 * (1.0 - 0.5 * std::pow(0.96, 0.004 * k)); }
  /// P_k. The first factors are hardly more than a half, so that after 60 of them 1 - P is 1, to the last
  /// bit: this is a function of k alone, and quick for every k.
  double momentum_product(std::uint64_t k) const {
    double product = 1.0;
    for (std::uint64_t i = 1; i <= k && i <= 60; ++i) product *= momentum(static_cast<double>(i));
    return product;
  }
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "nadam", Nadam)

}  // namespace twinflow::twin
