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
    sum_differences<AbsoluteDifference>(e, pairs, d, unweighted);
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
                std::span<const float>, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float>) const override {
    add_slopes<AbsoluteDifference>(e, pairs, gradient_e, {}, unweighted,
                                   [&](std::size_t i) { return gradient_d[i]; });
  }
};

}  // namespace

TWINFLOW_COMPONENT("distance", "l1", L1Distance)

}  // namespace twinflow::twin
