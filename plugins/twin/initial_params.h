#pragma once

#include "parameter.h"
#include "twinflow/spec.h"

namespace twinflow::twin {

/// How the weights and biases of a convolution or dense layer start: parameters that both have.
struct Start {
  std::shared_ptr<const Initializer> init = default_component<Initializer>("he");
  std::shared_ptr<const Initializer> bias_init = constant_initializer(0.0);

  Initial weights(std::size_t fan_in, std::size_t fan_out) const { return {init, {fan_in, fan_out}}; }
  Initial biases() const { return {bias_init, {}}; }
};

template <class Type>
void describe_start(Spec<Type>& spec) {
  spec.param("init", &Type::init).doc("how weights start");
  spec.param("bias_init", &Type::bias_init).doc("how biases start");
}

}  // namespace twinflow::twin
