#include <algorithm>
#include <array>
#include <cmath>

#include "each_image.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

/// Zhong et al. 2017, "Random Erasing Data Augmentation", drawn as by torchvision's RandomErasing (but that
/// wants both sides shorter than the image's, and its noise is normal): with the area A of the image,
///
///     area = A * uniform(area)      aspect = exp(uniform(log(aspect)))
///     height = round(sqrt(area * aspect))      width = round(sqrt(area / aspect))
///
/// up to ten times, until that fits into the image; its place is uniform. What does not fit in ten draws is
/// left out.
class Erase final : public EachImage {
 public:
  Erase() { probability = 0.5; }
  static void describe(NodeSpec<Erase>& spec);

 private:
  enum class Filling { constant, noise };

  void change(Images& images, std::size_t i, Random& random) const override;
  void erase_one(Images& images, std::size_t i, Random& random) const;

  std::array<double, 2> area{0.02, 0.33}, aspect{0.3, 3.3};
  std::size_t count = 1;
  Filling fill = Filling::constant;
  double cval = 0;
};

void Erase::describe(NodeSpec<Erase>& spec) {
  spec.summary("Erases random rectangles of images (Zhong et al. 2017).");
  spec.example(R"([node.erased]
type = "augment.erase"
from = "augmented"
area = [0.02, 0.2]
fill = "noise")");
  spec.param("area", &Erase::area).range(0, 1).doc("range of a rectangle's share of the image's area");
  spec.param("aspect", &Erase::aspect)
      .range(0.001, 1000)
      .doc("range of its height over its width, uniform in the logarithm");
  spec.param("count", &Erase::count)
      .range(1, 1000)
      .doc("how many rectangles an image loses; they may overlap");
  spec.param("fill", &Erase::fill)
      .names({{"constant", Filling::constant}, {"noise", Filling::noise}})
      .doc("what stands there then: cval, or values of [0, 1] drawn one by one");
  spec.param("cval", &Erase::cval).doc("the value there with fill = \"constant\"");
  describe_probability(spec);
  describe_twins(spec);
}

void Erase::change(Images& images, std::size_t i, Random& random) const {
  for (std::size_t one = 0; one < count; ++one) erase_one(images, i, random);
}

void Erase::erase_one(Images& images, std::size_t i, Random& random) const {
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double pixels = static_cast<double>(images.plane_size()) * random.uniform(area[0], area[1]);
    const double ratio = std::exp(random.uniform(std::log(aspect[0]), std::log(aspect[1])));
    const auto height = static_cast<std::size_t>(std::lround(std::sqrt(pixels * ratio)));
    const auto width = static_cast<std::size_t>(std::lround(std::sqrt(pixels / ratio)));
    if (height > images.height || width > images.width) continue;

    const std::size_t top = random.below(images.height - height + 1);
    const std::size_t left = random.below(images.width - width + 1);
    for (std::size_t channel = 0; channel < images.channels; ++channel)
      for (std::size_t row = top; row < top + height; ++row)
        std::generate_n(images.plane(i, channel) + row * images.width + left, width,
                        [&] { return static_cast<float>(fill == Filling::noise ? random.uniform() : cval); });
    return;
  }
}

TWINFLOW_NODE("augment.erase", Erase)

}  // namespace twinflow::augment
