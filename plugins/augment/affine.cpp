#include <tbb/parallel_for.h>

#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "affine_draw.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"
#include "warp.h"

namespace twinflow::augment {

/// Every image of a batch, twins included, draws for itself; its channels move together. Parameters: see
/// AffineRanges and Resampling, which hold them.
class Affine final : public Map<AnyBatch, AnyBatch>, public AffineRanges, public Resampling {
 public:
  static void describe(NodeSpec<Affine>& spec);
  void open() override { cv::setNumThreads(0); }  // the arena owns the cores
  AnyBatch apply(AnyBatch batch, const Item& item) const override;
};

void Affine::describe(NodeSpec<Affine>& spec) {
  spec.summary("Turns, shifts, shears, zooms and flips every image by its own draw, in one resampling.");
  spec.example(R"([node.augmented]
type = "augment.affine"
from = "batches"
rotation = [-12.0, 12.0]
zoom = [0.8, 1.25]
zoom_scale = "log"
width_shift = [-0.06, 0.06])");
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
  spec.param("probability", &Affine::probability)
      .range(0, 1)
      .doc("that a turn, shift, shear or zoom happens: each shift and the zoom of each axis by itself");
  spec.param("fill", &Affine::fill)
      .names(fill_names())
      .doc("what stands outside of the image: its edge, cval, its mirror image or its other side");
  spec.param("cval", &Affine::cval).doc("the value outside with fill = \"constant\"");
  spec.param("interpolation", &Affine::interpolation)
      .names({{"bilinear", Interpolation::bilinear},
              {"nearest", Interpolation::nearest},
              {"cubic", Interpolation::cubic}})
      .doc("how values between pixels are made");
}

AnyBatch Affine::apply(AnyBatch batch, const Item& item) const {
  Images& images = images_of(batch);
  // Drawn in order, so that an image's change depends on its place alone; then resampled in any order.
  Random random = this->random(item, "changes");
  std::vector<AffineMatrix> matrices(images.count);
  for (AffineMatrix& matrix : matrices)
    matrix =
        affine_matrix(draw_change(*this, images.height, images.width, random), images.height, images.width);

  Images warped(images.count, images.channels, images.height, images.width);
  tbb::parallel_for(std::size_t{0}, images.count, [&](std::size_t i) {
    for (std::size_t channel = 0; channel < images.channels; ++channel)
      warp(images.plane(i, channel), warped.plane(i, channel), images.height, images.width, matrices[i],
           *this);
  });
  images = std::move(warped);
  return batch;
}

TWINFLOW_NODE("augment.affine", Affine)

}  // namespace twinflow::augment
