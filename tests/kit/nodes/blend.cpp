// A map with two inputs: both carry something for every item, and it is called when both have come.
#include "twinflow/images.h"
#include "twinflow/plugin.h"

using Both = twinflow::Inputs<twinflow::ImageBatch, twinflow::ImageBatch>;

class Blend final : public twinflow::Map<Both, twinflow::ImageBatch> {
 public:
  static void describe(twinflow::NodeSpec<Blend>& spec) {
    spec.summary("Mixes two versions of a batch, pixel by pixel.");
    spec.param("weight", &Blend::weight).doc("part of the second version in the mixture").range(0.0, 1.0);
    spec.input("first").doc("one version; its classes are kept");  // in the order of Both
    spec.input("second").doc("the other version");
  }

  /// Const: called for several items at once, on any thread.
  twinflow::ImageBatch apply(Both batches, const twinflow::Item&) const override {
    auto& [first, second] = batches;
    if (first.classes != second.classes || first.images.pixels.size() != second.images.pixels.size())
      throw twinflow::Error("the inputs are not versions of one batch");
    const float part = static_cast<float>(weight);
    for (std::size_t i = 0; i < first.images.pixels.size(); ++i)
      first.images.pixels[i] += part * (second.images.pixels[i] - first.images.pixels[i]);
    return std::move(first);
  }

 private:
  double weight = 0.5;
};
TWINFLOW_NODE("example.blend", Blend)
