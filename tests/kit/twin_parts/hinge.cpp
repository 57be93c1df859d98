#include <algorithm>

#include "twinflow/plugin.h"
#include "twinflow/twin/loss.h"

namespace twin = twinflow::twin;

/// The mean over all pairs of d where both show one class, and of max(0, margin - d) where they do not.
class Hinge final : public twin::Loss {
 public:
  static void describe(twinflow::Spec<Hinge>& spec) {
    spec.summary("Draws pairs of one class together, and pushes the others apart up to a margin.");
    spec.param("margin", &Hinge::margin).doc("the distance that is far enough").min(0.0);
  }
  bool takes_logits() const override { return false; }
  double value(const twin::Labels& labels, std::span<const twin::IndexPair> pairs, std::span<const float> d,
               std::span<float> gradient_d) const override {
    const double share = 1.0 / static_cast<double>(pairs.size());
    double sum = 0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const bool same = labels.same_class(i, pairs[i]);
      const double loss = same ? d[i] : std::max(0.0, margin - d[i]);
      sum += share * loss;
      gradient_d[i] = static_cast<float>(same ? share : loss > 0 ? -share : 0.0);
    }
    return sum;
  }
  double margin = 1.0;
};
TWINFLOW_COMPONENT("loss", "hinge", Hinge)
TWINFLOW_PLUGIN("twin parts", "1.0.0", "TwinFlow", "A loss and a layer from outside of the source tree.")
