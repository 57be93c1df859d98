#include <algorithm>
#include <cmath>
#include <numeric>

#include "each_image.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

/// In this order, each step clipped to [0, 1]:
///
///     brightness   x = brightness * x
///     contrast     x = mean + contrast * (x - mean), with the mean of the image, all channels together
///     gamma        x = x ^ gamma
///     shift        x = x + shift, another one for each channel (augment.affine has Keras', one for all)
///
/// Brightness and contrast are factors as in torchvision's ColorJitter, which takes the mean of the grey
/// image. Four coins, one for each step, are tossed whatever the ranges.
class Color final : public EachImage {
 public:
  static void describe(NodeSpec<Color>& spec);

 private:
  void change(Images& images, std::size_t i, Random& random) const override;

  Around<1> brightness, contrast, gamma;
  Around<0> channel_shift;
  double step_probability = 1;
};

void Color::describe(NodeSpec<Color>& spec) {
  spec.summary("Changes brightness, contrast, gamma and channels. The result is clipped to [0, 1].");
  spec.example(R"([node.coloured]
type = "augment.color"
from = "augmented"
brightness = 0.2
contrast = 0.3
gamma = [0.8, 1.25])");
  spec.param("brightness", &Color::brightness)
      .range(0, 100)
      .doc("range of the factor of all values; above 1 is brighter");
  spec.param("contrast", &Color::contrast)
      .range(0, 100)
      .doc("range of the factor of the distance to the image's mean; above 1 is starker");
  spec.param("gamma", &Color::gamma)
      .range(0.01, 100)
      .doc("range of the exponent of all values; above 1 is darker");
  spec.param("channel_shift", &Color::channel_shift)
      .range(-1, 1)
      .doc("range of what is added to the values of a channel, drawn for each channel");
  spec.param("probability", &Color::step_probability)
      .range(0, 1)
      .doc("that a change happens: each of the four by itself");
  describe_twins(spec);
}

void Color::change(Images& images, std::size_t i, Random& random) const {
  const auto draw = [&](const Around<1>& range) {
    const double value = random.uniform(range.low, range.high);
    return random.coin(step_probability) ? value : 1.0;
  };
  const auto each = [&](float* values, std::size_t count, auto&& changed) {
    std::transform(values, values + count, values,
                   [&](float x) { return std::clamp(static_cast<float>(changed(x)), 0.0f, 1.0f); });
  };
  float* const image = images.image(i);
  const std::size_t size = images.image_size();

  const double factor = draw(brightness);
  each(image, size, [&](float x) { return factor * x; });

  if (const double stretch = draw(contrast); stretch != 1) {
    const double mean = std::accumulate(image, image + size, 0.0) / static_cast<double>(size);
    each(image, size, [&](float x) { return mean + stretch * (x - mean); });
  }

  if (const double exponent = draw(gamma); exponent != 1)
    each(image, size, [&](float x) { return std::pow(x, static_cast<float>(exponent)); });

  if (!random.coin(step_probability)) return;
  for (std::size_t channel = 0; channel < images.channels; ++channel) {
    const double shift = random.uniform(channel_shift.low, channel_shift.high);
    each(images.plane(i, channel), images.plane_size(), [&](float x) { return x + shift; });
  }
}

TWINFLOW_NODE("augment.color", Color)

}  // namespace twinflow::augment
