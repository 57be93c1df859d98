#include <algorithm>

#include "twinflow/images.h"
#include "twinflow/plugin.h"

class Sharpen final : public twinflow::Map<twinflow::AnyBatch, twinflow::AnyBatch> {
 public:
  static void describe(twinflow::NodeSpec<Sharpen>& spec) {
    spec.summary("Sharpens every image with an unsharp mask of a pixel's four neighbours.");
    spec.param("amount", &Sharpen::amount).doc("strength of the mask").range(0.0, 10.0);
  }
  twinflow::AnyBatch apply(twinflow::AnyBatch batch, const twinflow::Item&) const override {
    twinflow::Images& images = images_of(batch);
    const auto [old, height, width] = std::tuple(images.pixels, images.height, images.width);
    for (std::size_t i = 0; i < old.size(); ++i) {  // beyond the border stands the pixel itself
      const std::size_t x = i % width, y = i / width % height;
      const float around = old[x > 0 ? i - 1 : i] + old[x + 1 < width ? i + 1 : i] +
                           old[y > 0 ? i - width : i] + old[y + 1 < height ? i + width : i];
      images.pixels[i] = std::clamp(old[i] + amount * (old[i] - around / 4), 0.0, 1.0);
    }
    return batch;
  }
  double amount = 1.0;
};
TWINFLOW_NODE("example.sharpen", Sharpen)
TWINFLOW_PLUGIN("sharpen", "1.0.0", "TwinFlow", "An example of a plugin outside of the source tree.")
