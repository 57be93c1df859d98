#pragma once

#include <cstdint>
#include <vector>

#include "parameter.h"
#include "twinflow/spec.h"

namespace twinflow::twin {

/// How the weights and bias of a convolution or dense layer start: parameters that both have.
struct Start {
  Initial::Kind init = Initial::Kind::he;
  double init_std = 0.01, bias_mean = 0.0, bias_std = 0.0;

  Initial weights(std::size_t fan_in, std::size_t fan_out) const {
    return {init, 0.0, init_std, fan_in, fan_out};
  }
  Initial biases() const { return {Initial::Kind::normal, bias_mean, bias_std, 1, 1}; }
};

template <class Type>
void describe_start(Spec<Type>& spec) {
  spec.param("init", &Type::init)
      .names(
          {{"he", Initial::Kind::he}, {"glorot", Initial::Kind::glorot}, {"normal", Initial::Kind::normal}})
      .doc("how weights start: he N(0, sqrt(2/fan_in)), glorot uniform, or normal N(0, init_std)");
  spec.param("init_std", &Type::init_std).doc("deviation of the weights under init = \"normal\"").min(0.0);
  spec.param("bias_mean", &Type::bias_mean).doc("mean of the biases at the start");
  spec.param("bias_std", &Type::bias_std).doc("deviation of the biases at the start").min(0.0);
}

}  // namespace twinflow::twin
