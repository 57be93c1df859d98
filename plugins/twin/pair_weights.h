#pragma once

#include <span>
#include <string>
#include <vector>

#include "twinflow/spec.h"
#include "twinflow/twin/loss.h"

namespace twinflow::twin {

/// Parameters of a loss that judges each pair by itself: how much each counts. Such a loss is a weighted
/// mean, sum of w_i loss_i / sum of w_i, so that only the proportions of the weights matter.
///
/// Mining first: of the pairs of two classes only the nearest `hardest_different` part counts, of those of
/// one class only the farthest `hardest_same` part; rounded up, so at least one; of pairs with equal
/// distances the first. What is left has the weight of its kind, same_weight or different_weight; with
/// `balance` this is shared out among the pairs of that kind, so that however many they are, the loss is
/// (same_weight x mean of same + different_weight x mean of different) / (same_weight + different_weight).
struct PairWeights {
  double same_weight = 1.0, different_weight = 1.0;
  bool balance = false;
  double hardest_same = 1.0, hardest_different = 1.0;

  /// Their weights, 0 for what does not count. `loss`: its name. Throws Error when no pair has a weight.
  std::vector<double> weights(const std::string& loss, const Labels& labels, std::span<const IndexPair> pairs,
                              std::span<const float> d) const;
  void check_weights(const Checking& checking) const;
};

template <class Type>
void describe_pair_weights(Spec<Type>& spec) {
  spec.param("same_weight", &Type::same_weight).doc("weight of a pair of one class").min(0.0);
  spec.param("different_weight", &Type::different_weight).doc("weight of a pair of two classes").min(0.0);
  spec.param("balance", &Type::balance)
      .doc("share each weight out among all pairs of its kind, so that both kinds count alike");
  spec.param("hardest_same", &Type::hardest_same)
      .doc("part of the pairs of one class that counts: the farthest")
      .range(1e-9, 1.0);
  spec.param("hardest_different", &Type::hardest_different)
      .doc("part of the pairs of two classes that counts: the nearest")
      .range(1e-9, 1.0);
  spec.check(&Type::check_weights);
}

}  // namespace twinflow::twin
