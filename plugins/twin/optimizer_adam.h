#pragma once

#include "moments.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {

struct AdamFactors {
  float keep, alpha, b1, b2, c1, c2, epsilon;
};

/// Adam (Kingma and Ba 2015, the form at the end of its section 2, which Keras uses), t counted from 0:
///
///   m = beta_1 m + (1 - beta_1) g          v = beta_2 v + (1 - beta_2) g^2
///   w -= rate sqrt(1 - beta_2^(t+1)) / (1 - beta_1^(t+1)) * m / (sqrt(v) + epsilon)
///
/// epsilon stands outside the correction of v; PyTorch's stands inside, which for the same number is a larger
/// one in early updates. AdamW (Loshchilov and Hutter 2019) first shrinks the weights: w -= rate weight_decay
/// w. AMSGrad (Reddi, Kale and Kumar 2018, algorithm 2, with Adam's corrections, as in Keras) divides by the
/// root of the largest v so far. Slots: m, v, and for AMSGrad that largest.
class Adam : public Optimizer, public Moments {
 public:
  static void describe(Spec<Adam>& spec);

  std::size_t slots() const override { return 2; }
  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override;

 protected:
  AdamFactors factors(const UpdateStep& step) const;
};

}  // namespace twinflow::twin
