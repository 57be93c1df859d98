#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "twinflow/random.h"

namespace twinflow::twin {

/// How many numbers one output is made from, and how many outputs one number goes into. Of a dense layer: its
/// inputs and outputs; of a convolution: the numbers under its kernel, and filters x height x width.
struct Fan {
  std::size_t in = 1, out = 1;
};

/// How the weights of a tensor start. Const and safe from any thread once its parameters are bound.
class Initializer {
 public:
  using Base = Initializer;
  static constexpr const char* family = "initializer";
  std::string type;

  virtual ~Initializer() = default;

  /// The next number of the tensor. Every row of a tensor has a Random of its own.
  virtual double draw(Random& random, Fan fan) const = 0;
};

/// For defaults, and for scales and shifts that no graph file sets.
std::shared_ptr<const Initializer> constant_initializer(double value);
std::shared_ptr<const Initializer> normal_initializer(double mean, double deviation);

}  // namespace twinflow::twin
