#include <algorithm>
#include <cmath>
#include <numeric>

#include "pair_weights.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/loss.h"

namespace twinflow::twin {
namespace {

/// Binary cross-entropy on logits z of *different*, with y = 1 for a pair of different classes:
///
///   loss = mean over pairs of -(y log sigmoid(z) + (1-y) log(1 - sigmoid(z))) = max(z, 0) - z y + log(1 +
///   exp(-|z|))
///
/// The right-hand form neither overflows nor takes the logarithm of 0. The mean is weighted (PairWeights):
/// dloss/dz = w (sigmoid(z) - y) / sum of w. Label smoothing s puts y (1 - s) + s / 2 in the place of y
/// (Szegedy et al. 2016, section 7, for two classes). (Koch 2015, section 3.2, where y and the logit speak of
/// *same*: both signs turned, the same number.)
class BinaryCrossEntropy final : public Loss, public PairWeights {
 public:
  static void describe(Spec<BinaryCrossEntropy>& spec) {
    spec.summary("Binary cross-entropy of telling same from different; needs a distance that gives logits.");
    spec.example(R"([node.twin]
distance = "weighted_l1"
loss = { type = "bce", balance = true })");
    spec.param("label_smoothing", &BinaryCrossEntropy::label_smoothing)
        .doc("s: labels are s/2 and 1 - s/2 rather than 0 and 1")
        .range(0.0, 1.0);
    describe_pair_weights(spec);
  }

  bool needs_logits() const override { return true; }
  std::optional<double> threshold() const override { return 0.0; }

  double value(const Labels& labels, std::span<const IndexPair> pairs, std::span<const float> d,
               std::span<float> gradient_d) const override {
    const std::vector<double> w = weights("bce", labels, pairs, d);
    const double total = std::accumulate(w.begin(), w.end(), 0.0);
    double sum = 0.0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const double z = d[i];
      const double y =
          (labels.same_class(i, pairs[i]) ? 0.0 : 1.0) * (1.0 - label_smoothing) + 0.5 * label_smoothing;
      const double small = std::exp(-std::abs(z));  // in (0, 1]
      sum += w[i] * (std::max(z, 0.0) - z * y + std::log1p(small));
      const double sigmoid = (z >= 0.0 ? 1.0 : small) / (1.0 + small);
      gradient_d[i] = static_cast<float>(w[i] * (sigmoid - y) / total);
    }
    return sum / total;
  }

 private:
  double label_smoothing = 0.0;
};

}  // namespace

TWINFLOW_COMPONENT("loss", "bce", BinaryCrossEntropy)

}  // namespace twinflow::twin
