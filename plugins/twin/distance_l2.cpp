#include <cmath>
#include <vector>

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
    for_each_pair(pairs.size(), [&](std::size_t i) {
      const float* a = e.row(pairs[i].a);
      const float* b = e.row(pairs[i].b);
      d[i] = sum_over(e.size, [=](std::size_t k) { return (a[k] - b[k]) * (a[k] - b[k]); });
    });
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
                std::span<const float>, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float>) const override {
    std::vector<float> factors(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) factors[i] = 2.0f * gradient_d[i];
    add_differences(e, pairs, factors, gradient_e);
  }

 protected:
  /// Adds factors[i] (a - b) to the gradient of a, and takes it from that of b, for each pair i.
  static void add_differences(const Embeddings& e, std::span<const IndexPair> pairs,
                              const std::vector<float>& factors, Embeddings& gradient_e) {
    for_each_column_block(e.size, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const float* __restrict a = e.row(pairs[i].a);
        const float* __restrict b = e.row(pairs[i].b);
        float* to_a = gradient_e.row(pairs[i].a);
        float* to_b = gradient_e.row(pairs[i].b);
        const float factor = factors[i];
        for (std::size_t k = first; k < last; ++k) {
          const float step = factor * (a[k] - b[k]);
          to_a[k] += step;
          to_b[k] -= step;
        }
      }
    });
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
    std::vector<float> factors(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) factors[i] = d[i] > 0.0f ? gradient_d[i] / d[i] : 0.0f;
    add_differences(e, pairs, factors, gradient_e);
  }
};

}  // namespace

TWINFLOW_COMPONENT("distance", "squared_l2", SquaredL2Distance)
TWINFLOW_COMPONENT("distance", "l2", L2Distance)

}  // namespace twinflow::twin
