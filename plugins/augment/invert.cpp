#include "each_image.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

class Invert final : public EachImage {
 public:
  static void describe(NodeSpec<Invert>& spec);

 private:
  bool always() const { return probability == 1; }
  void change(Images& images, std::size_t i, Random& random) const override;
};

void Invert::describe(NodeSpec<Invert>& spec) {
  spec.prepares(&Invert::always);
  spec.summary(
      "Turns images into their negatives: 1 - x. "
      "twin.evaluate sends its images through it where its `through` says so.");
  spec.example(R"([node.inverted]
type = "augment.invert"
from = "augmented"
probability = 0.5)");
  describe_probability(spec);
  describe_twins(spec);
}

void Invert::change(Images& images, std::size_t i, Random&) const {
  float* const image = images.image(i);
  for (std::size_t k = 0; k < images.image_size(); ++k) image[k] = 1 - image[k];
}

TWINFLOW_NODE("augment.invert", Invert)

}  // namespace twinflow::augment
