#include <algorithm>
#include <cmath>

#include "twinflow/error.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/loss.h"

namespace twinflow::twin {
namespace {

/// Binary cross-entropy on logits z of *different*, with y = 1 for a pair of different classes:
///
///   loss = mean over pairs of -(y log sigmoid(z) + (1-y) log(1 - sigmoid(z))) = max(z, 0) - z y + log(1 +
///   exp(-|z|))
///
/// The right-hand form neither overflows nor takes the logarithm of 0. dloss/dz = (sigmoid(z) - y) / pairs.
/// (Koch 2015, section 3.2, where y and the logit speak of *same*: both signs turned, the same number.)
class BinaryCrossEntropy final : public Loss {
 public:
  static void describe(Spec<BinaryCrossEntropy>& spec) {
    spec.summary("Binary cross-entropy of telling same from different; needs a distance that gives logits.");
    spec.example(R"([node.twin]
distance = "weighted_l1"
loss = "bce")");
  }

  bool needs_logits() const override { return true; }
  std::optional<double> threshold() const override { return 0.0; }

  double value(const Labels& labels, std::span<const IndexPair> pairs, std::span<const float> d,
               std::span<float> gradient_d) const override {
    if (pairs.empty()) throw Error("the loss bce needs at least one pair; this batch has none");
    const double count = static_cast<double>(pairs.size());
    double sum = 0.0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const double z = d[i], y = labels.same_class(i, pairs[i]) ? 0.0 : 1.0;
      const double small = std::exp(-std::abs(z));  // in (0, 1]
      sum += std::max(z, 0.0) - z * y + std::log1p(small);
      const double sigmoid = (z >= 0.0 ? 1.0 : small) / (1.0 + small);
      gradient_d[i] = static_cast<float>((sigmoid - y) / count);
    }
    return sum / count;
  }
};

}  // namespace

TWINFLOW_COMPONENT("loss", "bce", BinaryCrossEntropy)

}  // namespace twinflow::twin
