#include <algorithm>
#include <cmath>

#include "twinflow/plugin.h"
#include "twinflow/twin/image_layer.h"

namespace twinflow::twin {
namespace {

constexpr float smallest = 1e-12f;  // a shorter vector is divided by this, as PyTorch's normalize does

/// y = x / max(|x|, 1e-12), over all numbers of an image, flattened as channels, rows, columns.
/// dx = (dy - y (dy . y)) / |x|; where |x| is below 1e-12, dy / 1e-12.
class L2Normalize final : public ImageLayer {
 public:
  static void describe(Spec<L2Normalize>& spec) {
    spec.summary("Scales each image's vector to length 1.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 64

[[node.twin.layer]]
type = "l2_normalize")");
  }
  Shape output(Shape in) const override { return {in.size(), 1, 1}; }
  std::size_t kept(Shape) const override { return 1; }  // the length
  bool keeps_input() const override { return false; }

  void forward(Shape, Numbers x, const Weights&, Values y, Values kept) const override {
    double squares = 0.0;
    for (const float one : x) squares += static_cast<double>(one) * one;
    kept[0] = static_cast<float>(std::sqrt(squares));
    const float inverse = 1.0f / std::max(kept[0], smallest);
    for (std::size_t k = 0; k < x.size(); ++k) y[k] = x[k] * inverse;
  }

  void backward(Shape, const Passed& passed, const Weights&, Numbers dy, Values dx,
                const Gradients&) const override {
    const float length = passed.kept[0];
    double along = 0.0;
    if (length > smallest)
      for (std::size_t k = 0; k < dy.size(); ++k) along += static_cast<double>(dy[k]) * passed.y[k];
    const float inverse = 1.0f / std::max(length, smallest), projection = static_cast<float>(along);
    for (std::size_t k = 0; k < dx.size(); ++k) dx[k] = (dy[k] - projection * passed.y[k]) * inverse;
  }
};

}  // namespace

TWINFLOW_COMPONENT("layer", "l2_normalize", L2Normalize)

}  // namespace twinflow::twin
