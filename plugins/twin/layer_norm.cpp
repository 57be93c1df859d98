#include <cmath>

#include "loops.h"
#include "pair_loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/image_layer.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE float mean_of(const float* x, std::size_t count) {
  return sum_over(count, [=](std::size_t k) { return x[k]; }) / static_cast<float>(count);
}
TWINFLOW_WIDE float variance_of(const float* x, float mean, std::size_t count) {
  const float squares = sum_over(count, [=](std::size_t k) { return (x[k] - mean) * (x[k] - mean); });
  return squares / static_cast<float>(count);
}
TWINFLOW_WIDE void normalise(float* __restrict y, const float* __restrict x, const float* __restrict weight,
                             const float* __restrict bias, float mean, float inverse, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) y[k] = weight[k] * ((x[k] - mean) * inverse) + bias[k];
}
TWINFLOW_WIDE void add_gradients(float* __restrict to_weight, float* __restrict to_bias,
                                 const float* __restrict dy, const float* __restrict x, float mean,
                                 float inverse, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    to_weight[k] += dy[k] * ((x[k] - mean) * inverse);
    to_bias[k] += dy[k];
  }
}
TWINFLOW_WIDE void gradient(float* __restrict dx, const float* __restrict dy, const float* __restrict x,
                            const float* __restrict weight, float mean, float inverse, std::size_t count) {
  const float sum = sum_over(count, [=](std::size_t k) { return weight[k] * dy[k]; });
  const float along =
      sum_over(count, [=](std::size_t k) { return weight[k] * dy[k] * ((x[k] - mean) * inverse); });
  const float mean_g = sum / static_cast<float>(count), mean_gn = along / static_cast<float>(count);
  for (std::size_t k = 0; k < count; ++k)
    dx[k] = (weight[k] * dy[k] - mean_g - (x[k] - mean) * inverse * mean_gn) * inverse;
}

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
    kept[0] = mean_of(x.data(), x.size());
    kept[1] = 1.0f / std::sqrt(variance_of(x.data(), kept[0], x.size()) + static_cast<float>(epsilon));
    normalise(y.data(), x.data(), weights[0].data(), weights[1].data(), kept[0], kept[1], x.size());
  }

  void backward(Shape, const Passed& passed, const Weights& weights, Numbers dy, Values dx,
                const Gradients& gradients) const override {
    const float mean = passed.kept[0], inverse = passed.kept[1];
    add_gradients(gradients[0].data(), gradients[1].data(), dy.data(), passed.x.data(), mean, inverse,
                  dy.size());
    if (!dx.empty())
      gradient(dx.data(), dy.data(), passed.x.data(), weights[0].data(), mean, inverse, dx.size());
  }

 private:
  double epsilon = 1e-5;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "layer_norm", LayerNorm)

}  // namespace twinflow::twin
