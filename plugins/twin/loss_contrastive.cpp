#include <algorithm>
#include <numeric>

#include "pair_weights.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/loss.h"

namespace twinflow::twin {
namespace {

/// Hadsell, Chopra and LeCun 2006 ("Dimensionality reduction by learning an invariant mapping", equation 4),
/// with y = 1 for a pair of different classes:
///
///   loss = mean over pairs of (1-y) d^2 / 2 + y max(0, margin - d)^2 / 2
///
/// The hinge is squared after the difference is taken, not before. The mean is weighted (PairWeights):
/// dloss/dd = w ((1-y) d - y max(0, margin - d)) / sum of w.
class ContrastiveLoss final : public Loss, public PairWeights {
 public:
  static void describe(Spec<ContrastiveLoss>& spec) {
    spec.summary(
        "Pulls images of one class together and pushes others apart, as far as a margin (Hadsell 2006).");
    spec.example(R"([node.twin]
distance = "l2"
loss = { type = "contrastive", margin = 1.0, balance = true, hardest_different = 0.25 })");
    spec.param("margin", &ContrastiveLoss::margin)
        .doc("distance beyond which different images are left alone")
        .min(1e-6);
    describe_pair_weights(spec);
  }

  bool takes_logits() const override { return false; }
  std::optional<double> threshold() const override { return margin / 2.0; }  // nearer to 0 or to the margin

  double value(const Labels& labels, std::span<const IndexPair> pairs, std::span<const float> d,
               std::span<float> gradient_d) const override {
    const std::vector<double> w = weights("contrastive", labels, pairs, d);
    const double total = std::accumulate(w.begin(), w.end(), 0.0);
    double sum = 0.0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const bool same = labels.same_class(i, pairs[i]);
      const double distance = d[i];
      const double excess = same ? distance : std::max(0.0, margin - distance);
      sum += w[i] * 0.5 * excess * excess;
      gradient_d[i] = static_cast<float>(w[i] * (same ? excess : -excess) / total);
    }
    return sum / total;
  }

 private:
  double margin = 1.0;
};

}  // namespace

TWINFLOW_COMPONENT("loss", "contrastive", ContrastiveLoss)

}  // namespace twinflow::twin
