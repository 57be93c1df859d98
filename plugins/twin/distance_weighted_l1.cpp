#include <cmath>

#include "pair_loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/initializer.h"

namespace twinflow::twin {
namespace {

/// The learned distance of Koch, Zemel and Salakhutdinov 2015 ("Siamese neural networks for one-shot image
/// recognition", section 3.1), as the logit of *different*: z = sum_k w_k |a_k - b_k| + bias. The paper's
/// probability of *same* is sigmoid(-z). Weights: w, then the bias. Their initial values follow its
/// section 3.2.
///
/// dz/da = w sign(a - b) (0 where they are equal), dz/db its opposite, dz/dw = |a - b|, dz/dbias = 1.
class WeightedL1Distance final : public Distance {
 public:
  static void describe(Spec<WeightedL1Distance>& spec) {
    spec.summary("A learned weighted sum of absolute differences: the logit of 'different' (Koch 2015).");
    spec.example(R"([node.twin]
distance = { type = "weighted_l1", weight_init = { type = "normal", std = 0.2 } }
loss = "bce")");
    spec.param("weight_init", &WeightedL1Distance::weight_init).doc("how the weights start");
    spec.param("bias_init", &WeightedL1Distance::bias_init).doc("how the bias starts");
  }

  std::size_t weight_count(std::size_t embedding_size) const override { return embedding_size + 1; }
  bool gives_logits() const override { return true; }

  void initialise(std::span<float> weights, Random& random) const override {
    const Fan fan{weights.size() - 1, 1};
    for (float& weight : weights.first(weights.size() - 1))
      weight = static_cast<float>(weight_init->draw(random, fan));
    weights.back() = static_cast<float>(bias_init->draw(random, fan));
  }

  void forward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float> weights,
               std::span<float> d) const override {
    for_each_pair(pairs.size(), [&](std::size_t i) {
      const float* a = e.row(pairs[i].a);
      const float* b = e.row(pairs[i].b);
      const float* w = weights.data();
      d[i] = w[e.size] + sum_over(e.size, [=](std::size_t k) { return w[k] * std::abs(a[k] - b[k]); });
    });
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float> weights,
                std::span<const float>, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float> gradient_weights) const override {
    for_each_column_block(e.size, [&](std::size_t first, std::size_t last) {
      const float* __restrict w = weights.data();
      float* __restrict to_w = gradient_weights.data();
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const float* __restrict a = e.row(pairs[i].a);
        const float* __restrict b = e.row(pairs[i].b);
        float* to_a = gradient_e.row(pairs[i].a);
        float* to_b = gradient_e.row(pairs[i].b);
        const float g = gradient_d[i];
        for (std::size_t k = first; k < last; ++k) {
          const float step = g * w[k] * sign_of_difference(a[k], b[k]);
          to_a[k] += step;
          to_b[k] -= step;
        }
        for (std::size_t k = first; k < last; ++k) to_w[k] += g * std::abs(a[k] - b[k]);
      }
    });
    for (const float g : gradient_d) gradient_weights[e.size] += g;
  }

 private:
  std::shared_ptr<const Initializer> weight_init = normal_initializer(0.0, 0.2);
  std::shared_ptr<const Initializer> bias_init = normal_initializer(0.5, 0.01);
};

}  // namespace

TWINFLOW_COMPONENT("distance", "weighted_l1", WeightedL1Distance)

}  // namespace twinflow::twin
