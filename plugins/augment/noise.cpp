#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "each_image.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {
namespace {

/// As Random::normal, but two at once in single precision: four times as fast. What is added ends at 5.8
/// sigma.
void add_gaussian(float* values, std::size_t count, float sigma, Random& random) {
  constexpr float turn = 2 * std::numbers::pi_v<float>;
  const auto uniform = [&] { return static_cast<float>(random.bits() >> 8) * 0x1p-24f; };  // [0, 1)
  for (std::size_t k = 0; k < count; k += 2) {
    const float radius = sigma * std::sqrt(-2 * std::log(1 - uniform()));
    const float angle = turn * uniform();
    values[k] += radius * std::cos(angle);
    if (k + 1 < count) values[k + 1] += radius * std::sin(angle);
  }
}

}  // namespace

/// Gaussian noise first, then salt and pepper on top of it. Gaussian noise differs from channel to channel; a
/// pixel of salt or pepper has all channels 1, or all 0.
class Noise final : public EachImage {
 public:
  static void describe(NodeSpec<Noise>& spec);

 private:
  void change(Images& images, std::size_t i, Random& random) const override;

  std::array<double, 2> gaussian{0, 0};
  std::array<double, 2> salt_and_pepper{0, 0};
};

void Noise::describe(NodeSpec<Noise>& spec) {
  spec.summary("Adds noise to images. The result is clipped to [0, 1].");
  spec.example(R"([node.noisy]
type = "augment.noise"
from = "augmented"
gaussian = [0.0, 0.1]
salt_and_pepper = [0.0, 0.02])");
  spec.param("gaussian", &Noise::gaussian)
      .range(0, 10)
      .doc("range of the standard deviation of what is added to every value, where white is 1");
  spec.param("salt_and_pepper", &Noise::salt_and_pepper)
      .range(0, 1)
      .doc("range of the share of pixels that become white or black, either with the same probability");
  describe_probability(spec);
  describe_twins(spec);
}

void Noise::change(Images& images, std::size_t i, Random& random) const {
  const double sigma = random.uniform(gaussian[0], gaussian[1]);
  const double share = random.uniform(salt_and_pepper[0], salt_and_pepper[1]);
  float* const image = images.image(i);
  if (sigma > 0) add_gaussian(image, images.image_size(), static_cast<float>(sigma), random);
  for (std::size_t k = 0; k < images.image_size(); ++k) image[k] = std::clamp(image[k], 0.0f, 1.0f);
  if (share > 0)
    for (std::size_t pixel = 0; pixel < images.plane_size(); ++pixel) {
      const double chance = random.bits() * 0x1p-32;  // [0, 1)
      if (chance >= share) continue;
      for (std::size_t channel = 0; channel < images.channels; ++channel)
        images.plane(i, channel)[pixel] = chance < share / 2 ? 0.0f : 1.0f;
    }
}

TWINFLOW_NODE("augment.noise", Noise)

}  // namespace twinflow::augment
