#include <cmath>

#include "pair_loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/distance.h"

namespace twinflow::twin {
namespace {

/// squared_l2: d = sum (a - b)^2, dd/da = 2 (a - b).
/// l2: d = sqrt(sum (a - b)^2), dd/da = (a - b) / d; where d is 0 the gradient is taken as 0, the middle of
/// what it could be. In both, dd/db is the opposite.
class SquaredL2Distance : public Distance {
 public:
  static void describe(Spec<SquaredL2Distance>& spec) {
    spec.summary("The square of the Euclidean distance between the embeddings.");
    spec.example(R"([node.twin]
distance = "squared_l2")");
  }

  void forward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
               std::span<float> d) const override {
    sum_differences<SquaredDifference>(e, pairs, d, unweighted);
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
                std::span<const float>, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float>) const override {
    add_slopes<SquaredDifference>(e, pairs, gradient_e, {}, unweighted,
                                  [&](std::size_t i) { return gradient_d[i]; });
  }
};

class L2Distance final : public SquaredL2Distance {
 public:
  static void describe(Spec<L2Distance>& spec) {
    spec.summary("The Euclidean distance between the embeddings.");
    spec.example(R"([node.twin]
distance = "l2")");
  }

  void forward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float> weights,
               std::span<float> d) const override {
    SquaredL2Distance::forward(e, pairs, weights, d);
    for (float& one : d) one = std::sqrt(one);
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
                std::span<const float> d, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float>) const override {
    add_slopes<SquaredDifference>(e, pairs, gradient_e, {}, unweighted, [&](std::size_t i) {
      return d[i] > 0.0f ? 0.5f * (gradient_d[i] / d[i]) : 0.0f;
    });
  }
};

}  // namespace

TWINFLOW_COMPONENT("distance", "squared_l2", SquaredL2Distance)
TWINFLOW_COMPONENT("distance", "l2", L2Distance)

}  // namespace twinflow::twin
