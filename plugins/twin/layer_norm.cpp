#include <cmath>

#include "pair_loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/image_layer.h"

namespace twinflow::twin {
namespace {

/// Ba, Kiros & Hinton 2016, "Layer normalization", eq. 3, over all N numbers of an image, as PyTorch's
/// LayerNorm over channels, height and width:
///
///     n = (x - mean) / sqrt(variance + epsilon),  y = weight n + bias
///
/// with the biased variance, and a weight and bias for each of the N. With g = weight dy:
///
///     dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon),  dweight = dy n,  dbias = dy
class LayerNorm final : public ImageLayer {
 public:
  static void describe(Spec<LayerNorm>& spec) {
    spec.summary("Layer normalisation: every image by its own mean and deviation.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 16

[[node.twin.layer]]
type = "layer_norm")");
    spec.param("epsilon", &LayerNorm::epsilon).doc("added to the variance").min(0.0);
  }
  Shape output(Shape in) const override { return in; }
  std::vector<Weight> weights(Shape in) const override {
    std::vector<std::int64_t> dims;
    for (const std::size_t side : {in.channels, in.height, in.width})
      dims.push_back(static_cast<std::int64_t>(side));
    return {{"weight", dims, constant_initializer(1.0)}, {"bias", dims, constant_initializer(0.0)}};
  }
  std::size_t kept(Shape) const override { return 2; }  // mean, 1 / sqrt(variance + epsilon)
  bool keeps_output() const override { return false; }

  void forward(Shape, Numbers x, const Weights& weights, Values y, Values kept) const override {
    const auto size = static_cast<float>(x.size());
    const float mean = sum_over(x.size(), [&](std::size_t k) { return x[k]; }) / size;
    const float squares = sum_over(x.size(), [&](std::size_t k) { return (x[k] - mean) * (x[k] - mean); });
    kept[0] = mean;
    kept[1] = 1.0f / std::sqrt(squares / size + static_cast<float>(epsilon));
    for (std::size_t k = 0; k < x.size(); ++k)
      y[k] = weights[0][k] * ((x[k] - kept[0]) * kept[1]) + weights[1][k];
  }

  void backward(Shape, const Passed& passed, const Weights& weights, Numbers dy, Values dx,
                const Gradients& gradients) const override {
    const float mean = passed.kept[0], inverse = passed.kept[1];
    for (std::size_t k = 0; k < dy.size(); ++k) {
      gradients[0][k] += dy[k] * ((passed.x[k] - mean) * inverse);
      gradients[1][k] += dy[k];
    }
    if (dx.empty()) return;
    const auto size = static_cast<float>(dy.size());
    const Numbers x = passed.x, weight = weights[0];
    const float mean_g = sum_over(x.size(), [&](std::size_t k) { return weight[k] * dy[k]; }) / size;
    const float mean_gn =
        sum_over(x.size(), [&](std::size_t k) { return weight[k] * dy[k] * ((x[k] - mean) * inverse); }) /
        size;
    for (std::size_t k = 0; k < dx.size(); ++k) {
      const float n = (x[k] - mean) * inverse;
      dx[k] = (weight[k] * dy[k] - mean_g - n * mean_gn) * inverse;
    }
  }

 private:
  double epsilon = 1e-5;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "layer_norm", LayerNorm)

}  // namespace twinflow::twin
