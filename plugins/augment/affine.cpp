#include <tbb/parallel_for.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "affine_draw.h"
#include "affine_values.h"
#include "draw_each.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"
#include "warp.h"

namespace twinflow::augment {

/// Every image of a batch, twins included, draws for itself unless both are to be changed alike; its channels
/// move together. Parameters: see AffineRanges and Resampling, which hold them.
class Affine final : public Map<AnyBatch, AnyBatch>, public AffineRanges, public Resampling {
 public:
  static constexpr bool takes_share = true;
  static constexpr bool takes_unread = true;  // bytes are warped right out of the data set

  static void describe(NodeSpec<Affine>& spec);
  void check(const Checking& checking) const;
  AnyBatch apply(AnyBatch batch, const Item& item) const override;

 private:
  bool same_for_both = false;
};

void Affine::describe(NodeSpec<Affine>& spec) {
  spec.summary("Turns, shifts, shears, zooms and flips every image by its own draw, in one resampling.");
  spec.example(R"([node.augmented]
type = "augment.affine"
from = "batches"
rotation = 12.0
zoom = [0.8, 1.25]
zoom_scale = "log"
width_shift = 0.06
brightness = [0.8, 1.2]
probabilities = { brightness = 0.5 })");
  spec.param("rotation", &Affine::rotation).unit("degrees").range(-360, 360).doc("range of turns, clockwise");
  spec.param("width_shift", &Affine::width_shift)
      .range(-32767, 32767)
      .doc(
          "range of shifts to the left: fractions of the width when both ends are within (-1, 1), else "
          "pixels");
  spec.param("height_shift", &Affine::height_shift)
      .range(-32767, 32767)
      .doc("range of shifts up: fractions of the height when both ends are within (-1, 1), else pixels");
  spec.param("shear", &Affine::shear).unit("degrees").range(-89, 89).doc("range of shears");
  spec.param("zoom", &Affine::zoom).range(0.01, 100).doc("range of the zoom of each axis; below 1 magnifies");
  spec.param("zoom_scale", &Affine::zoom_scale)
      .names({{"linear", ZoomScale::linear}, {"log", ZoomScale::log}})
      .doc("whether the zoom is uniform, or its logarithm is");
  spec.param("horizontal_flip", &Affine::horizontal_flip)
      .range(0, 1)
      .doc("probability that left and right change places");
  spec.param("vertical_flip", &Affine::vertical_flip)
      .range(0, 1)
      .doc("probability that top and bottom change places");
  spec.param("channel_shift", &Affine::channel_shift)
      .range(-1, 1)
      .doc(
          "range of what is added to all values, held between the least and the greatest value of the image");
  spec.param("brightness", &Affine::brightness)
      .range(0, 100)
      .doc("range of what all values are multiplied by, held between 0 and 1");
  spec.param("probability", &Affine::probability)
      .range(0, 1)
      .doc("of every range, that it is drawn from at all: each shift and the zoom of each axis by itself");
  spec.param("probabilities", &Affine::probabilities).doc("of single ranges, in place of that");
  spec.param("same_for_both", &Affine::same_for_both)
      .doc("whether the two images of a pair are changed alike");
  spec.param("fill", &Affine::fill)
      .names(fill_names())
      .doc("what stands outside of the image: its edge, cval, its mirror image or its other side");
  spec.param("cval", &Affine::cval).doc("the value outside with fill = \"constant\"");
  spec.param("interpolation", &Affine::interpolation)
      .names({{"bilinear", Interpolation::bilinear},
              {"nearest", Interpolation::nearest},
              {"cubic", Interpolation::cubic}})
      .doc("how values between pixels are made");
  spec.param("compat", &Affine::compat)
      .names({{"none", Compat::none}, {"keras-1.1", Compat::keras_1_1}})
      .doc(
          "\"keras-1.1\": the centre one pixel further down and right, and edges, as keras-preprocessing 1.1 "
          "has them");
  spec.check(&Affine::check);
}

void Affine::check(const Checking& checking) const {
  check_same_for_both(checking, same_for_both);
  if (compat == Compat::keras_1_1 && interpolation == Interpolation::cubic)
    checking.error("interpolation",
                   "compat = \"keras-1.1\" goes with \"bilinear\" and \"nearest\": cubic is another kernel "
                   "there (B-splines)");
}

AnyBatch Affine::apply(AnyBatch batch, const Item& item) const {
  Images& images = images_of(batch);
  Random random = this->random(item, "changes");
  const auto changes = draw_each(batch, same_for_both,
                                 [&] { return draw_change(*this, images.height, images.width, random); });

  Images warped(images.count, images.channels, images.height, images.width);
  tbb::parallel_for(std::size_t{0}, images.count, [&](std::size_t i) {
    const AffineMatrix matrix = affine_matrix(changes[i], images.height, images.width, compat);
    const auto warp_all = [&](const auto* source, const AffineMatrix& from) {
      for (std::size_t channel = 0; channel < images.channels; ++channel)
        warp(source + channel * images.plane_size(), warped.plane(i, channel), images.height, images.width,
             from, *this);
    };
    if (images.unread()) {
      const Shot& shot = images.shots[i];
      std::vector<std::uint8_t> scratch;
      warp_all(images.store->look(shot.image, scratch).data(),
               from_unturned(matrix, shot.turns, images.width));
    } else {
      warp_all(images.image(i), matrix);
    }
    change_values(warped.image(i), warped.image_size(), changes[i]);
  });
  images = std::move(warped);
  return batch;
}

TWINFLOW_NODE("augment.affine", Affine)

}  // namespace twinflow::augment
