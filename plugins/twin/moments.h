#pragma once

#include "twinflow/spec.h"

namespace twinflow::twin {

/// The parameters of Adam and its kin.
struct Moments {
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
};

template <class Type>
void describe_moments(Spec<Type>& spec) {
  spec.param("beta_1", &Type::beta_1).doc("decay of the mean of gradients").range(0.0, 0.9999999);
  spec.param("beta_2", &Type::beta_2).doc("decay of the mean of squared gradients").range(0.0, 0.9999999);
  spec.param("epsilon", &Type::epsilon).doc("added to what steps are divided by").min(1e-30);
}

}  // namespace twinflow::twin
