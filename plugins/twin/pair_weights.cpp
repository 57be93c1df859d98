#include "pair_weights.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstdint>

#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

/// Keeps the hardest part of the pairs, in no order. `sign`: 1 where near ones are hard, -1 where far ones
/// are.
void keep_hardest(std::vector<std::size_t>& pairs, double part, std::span<const float> d, float sign) {
  const auto kept = static_cast<std::size_t>(std::ceil(part * static_cast<double>(pairs.size())));
  if (kept >= pairs.size()) return;
  std::nth_element(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(kept), pairs.end(),
                   [&](std::size_t a, std::size_t b) {  // a total order, whatever the numbers
                     const auto order = std::strong_order(sign * d[a], sign * d[b]);
                     return order == 0 ? a < b : order < 0;
                   });
  pairs.resize(kept);
}

}  // namespace

std::vector<double> PairWeights::weights(const std::string& loss, const Labels& labels,
                                         std::span<const IndexPair> pairs, std::span<const float> d) const {
  if (pairs.empty()) throw Error("the loss " + loss + " needs at least one pair; this batch has none");
  std::vector<std::size_t> same, different;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    (labels.same_class(i, pairs[i]) ? same : different).push_back(i);
  if ((same.empty() || same_weight == 0.0) && (different.empty() || different_weight == 0.0))
    throw Error("the loss " + loss + " has nothing to learn from: all " + std::to_string(pairs.size()) +
                " pairs of this batch are of " + (same.empty() ? "two classes" : "one class") +
                " each, and these weigh 0");
  keep_hardest(same, hardest_same, d, -1.0f);
  keep_hardest(different, hardest_different, d, 1.0f);

  std::vector<double> weights(pairs.size());
  const auto weigh = [&](const std::vector<std::size_t>& kind, double weight) {
    const double each = balance ? weight / static_cast<double>(kind.size()) : weight;
    for (const std::size_t i : kind) weights[i] = each;
  };
  weigh(same, same_weight);
  weigh(different, different_weight);
  return weights;
}

void PairWeights::check_weights(const Checking& checking) const {
  if (same_weight == 0.0 && different_weight == 0.0)
    checking.error("same_weight", "same_weight and different_weight are both 0: no pair would count");
}

}  // namespace twinflow::twin
