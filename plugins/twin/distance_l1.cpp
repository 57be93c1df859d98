#include <cmath>

#include "pair_loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/distance.h"

namespace twinflow::twin {
namespace {

/// d = sum |a - b|. dd/da = sign(a - b), 0 where they are equal; dd/db its opposite.
class L1Distance final : public Distance {
 public:
  static void describe(Spec<L1Distance>& spec) {
    spec.summary("The sum of the absolute differences of the embeddings.");
    spec.example(R"([node.twin]
distance = "l1")");
  }

  void forward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
               std::span<float> d) const override {
    for_each_pair(pairs.size(), [&](std::size_t i) {
      const float* a = e.row(pairs[i].a);
      const float* b = e.row(pairs[i].b);
      d[i] = sum_over(e.size, [=](std::size_t k) { return std::abs(a[k] - b[k]); });
    });
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
                std::span<const float>, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float>) const override {
    for_each_column_block(e.size, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const float* __restrict a = e.row(pairs[i].a);
        const float* __restrict b = e.row(pairs[i].b);
        float* to_a = gradient_e.row(pairs[i].a);
        float* to_b = gradient_e.row(pairs[i].b);
        const float g = gradient_d[i];
        for (std::size_t k = first; k < last; ++k) {
          const float step = g * sign_of_difference(a[k], b[k]);
          to_a[k] += step;
          to_b[k] -= step;
        }
      }
    });
  }
};

}  // namespace

TWINFLOW_COMPONENT("distance", "l1", L1Distance)

}  // namespace twinflow::twin
