#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "twinflow/random.h"
#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

/// How far apart two embeddings are: small for the same class, large for different ones. Every distance is
/// symmetric to the bit: swapping the two inputs changes nothing.
///
/// Const and safe from any thread once its parameters are bound. Both calls may work in parallel over the
/// arena; their results do not depend on the number of threads, for each number written is summed in a fixed
/// order.
class Distance {
 public:
  using Base = Distance;
  static constexpr const char* family = "distance";
  std::string type;

  virtual ~Distance() = default;

  /// How many learned weights it has of its own, for embeddings of that size. The trainer keeps and updates
  /// them.
  virtual std::size_t weight_count(std::size_t embedding_size) const { return (void)embedding_size, 0; }
  /// Their values before training. `weights`: weight_count() numbers.
  virtual void initialise(std::span<float> weights, Random& random) const { (void)weights, (void)random; }
  /// Whether the value is the logit of "different" (any real number, 0 on the fence), as cross-entropy wants
  /// it, rather than a distance from 0 upwards.
  virtual bool gives_logits() const { return false; }

  /// d[i] = the distance between rows pairs[i].a and pairs[i].b of e. `d` has the length of `pairs`.
  virtual void forward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float> weights,
                       std::span<float> d) const = 0;

  /// The gradients of a scalar L, given gradient_d[i] = dL/dd[i] and what forward() wrote into d. Both
  /// results are *added* to what is there: dL/de to `gradient_e` (shaped as e), dL/dweights to
  /// `gradient_weights`.
  virtual void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float> weights,
                        std::span<const float> d, std::span<const float> gradient_d, Embeddings& gradient_e,
                        std::span<float> gradient_weights) const = 0;
};

}  // namespace twinflow::twin
