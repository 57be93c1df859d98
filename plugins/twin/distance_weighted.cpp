#include "pair_loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/initializer.h"

namespace twinflow::twin {
namespace {

/// The learned distance of Koch, Zemel and Salakhutdinov 2015 ("Siamese neural networks for one-shot image
/// recognition", section 3.1), as the logit of *different*: z = sum_k w_k |a_k - b_k| + bias. The paper's
/// probability of *same* is sigmoid(-z). weighted_l2: the same with (a_k - b_k)^2. Weights: w, then the bias.
/// Their initial values follow the paper's section 3.2.
///
/// dz/da = w sign(a - b) (0 where they are equal) or 2 w (a - b), dz/db its opposite, dz/dw = |a - b| or
/// (a - b)^2, dz/dbias = 1.
template <class Difference>
class WeightedDistance : public Distance {
 public:
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
    sum_differences<Difference>(e, pairs, d, [w = weights.data()](std::size_t k) { return w[k]; });
    for (float& one : d) one += weights[e.size];
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float> weights,
                std::span<const float>, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float> gradient_weights) const override {
    add_slopes<Difference>(
        e, pairs, gradient_e, gradient_weights, [w = weights.data()](std::size_t k) { return w[k]; },
        [&](std::size_t i) { return gradient_d[i]; });
    for (const float g : gradient_d) gradient_weights[e.size] += g;
  }

  std::shared_ptr<const Initializer> weight_init = normal_initializer(0.0, 0.2);
  std::shared_ptr<const Initializer> bias_init = normal_initializer(0.5, 0.01);

 protected:
  template <class Type>
  static void describe_start(Spec<Type>& spec) {
    spec.param("weight_init", &Type::weight_init).doc("how the weights start");
    spec.param("bias_init", &Type::bias_init).doc("how the bias starts");
  }
};

class WeightedL1Distance final : public WeightedDistance<AbsoluteDifference> {
 public:
  static void describe(Spec<WeightedL1Distance>& spec) {
    spec.summary("A learned weighted sum of absolute differences: the logit of 'different' (Koch 2015).");
    spec.example(R"([node.twin]
distance = { type = "weighted_l1", weight_init = { type = "normal", std = 0.2 } }
loss = "bce")");
    describe_start(spec);
  }
};

class WeightedL2Distance final : public WeightedDistance<SquaredDifference> {
 public:
  static void describe(Spec<WeightedL2Distance>& spec) {
    spec.summary("A learned weighted sum of squared differences: the logit of 'different'.");
    spec.example(R"([node.twin]
distance = { type = "weighted_l2", weight_init = { type = "normal", std = 0.2 } }
loss = "bce")");
    describe_start(spec);
  }
};

}  // namespace

TWINFLOW_COMPONENT("distance", "weighted_l1", WeightedL1Distance)
TWINFLOW_COMPONENT("distance", "weighted_l2", WeightedL2Distance)

}  // namespace twinflow::twin
