// A data source: it makes a data set once, which samplers then draw from.
#include <cmath>

#include "twinflow/dataset.h"
#include "twinflow/plugin.h"

class Stripes final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Stripes>& spec) {
    spec.summary("Draws striped images; the direction of the stripes is the class.");
    spec.param("classes", &Stripes::classes).doc("number of directions").range(2, 1000);
    spec.param("samples", &Stripes::samples).doc("images of each class").range(1, 1000);
    spec.param("size", &Stripes::size).doc("height and width").unit("pixels").range(4, 256);
    spec.output("all", &Stripes::all).doc("all images, in one group");
  }

  /// Called once, after open(), if a node of the graph uses the output.
  twinflow::Dataset all() {
    auto store = std::make_shared<twinflow::PixelStore>();
    store->height = store->width = size;
    twinflow::Dataset data;
    data.description = "stripes";
    data.groups = {"stripes"};
    twinflow::Random random(twinflow::stream_key(run().seed(), name(), "phase"), 0, 0);
    for (std::size_t one = 0; one < classes; ++one) {
      const double angle = std::acos(-1.0) * static_cast<double>(one) / static_cast<double>(classes);
      data.classes.push_back({std::to_string(one), 0, {}});
      for (std::size_t sample = 0; sample < samples; ++sample) {
        data.classes.back().images.push_back(store->count());
        draw(*store, angle, random.uniform(0.0, 6.0));
      }
    }
    data.store = std::move(store);
    return data;
  }

 private:
  void draw(twinflow::PixelStore& store, double angle, double phase) const {
    for (std::size_t i = 0; i < size * size; ++i) {
      const double across =
          std::cos(angle) * static_cast<double>(i % size) + std::sin(angle) * static_cast<double>(i / size);
      store.pixels.push_back(std::sin(across + phase) > 0 ? 255 : 0);
    }
  }

  std::size_t classes = 8, samples = 6, size = 16;
};
TWINFLOW_NODE("example.stripes", Stripes)
TWINFLOW_PLUGIN("nodes", "1.0.0", "TwinFlow", "Examples of nodes outside of the source tree.")
