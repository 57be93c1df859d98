#include <algorithm>
#include <array>

#include "each_image.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

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
  if (sigma > 0)
    for (std::size_t k = 0; k < images.image_size(); ++k)
      image[k] += static_cast<float>(sigma * random.normal());
  for (std::size_t k = 0; k < images.image_size(); ++k) image[k] = std::clamp(image[k], 0.0f, 1.0f);
  if (share > 0)
    for (std::size_t pixel = 0; pixel < images.plane_size(); ++pixel) {
      const double chance = random.uniform();
      if (chance >= share) continue;
      for (std::size_t channel = 0; channel < images.channels; ++channel)
        images.plane(i, channel)[pixel] = chance < share / 2 ? 0.0f : 1.0f;
    }
}

TWINFLOW_NODE("augment.noise", Noise)

}  // namespace twinflow::augment
