#include <tbb/parallel_for.h>

#include <opencv2/imgproc.hpp>
#include <utility>

#include "opencv.h"
#include "target_size.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

class Resize final : public Map<AnyBatch, AnyBatch>, public TargetSize {
 public:
  static constexpr bool takes_share = true;
  static void describe(NodeSpec<Resize>& spec);
  void check(const Checking& checking) const { check_size(checking); }
  void open() override { cv::setNumThreads(0); }  // the arena owns the cores
  AnyBatch apply(AnyBatch batch, const Item& item) const override;

 private:
  enum class Method { area, bilinear };

  Method interpolation = Method::area;
};

void Resize::describe(NodeSpec<Resize>& spec) {
  spec.prepares();
  spec.summary(
      "Gives all images another size. "
      "twin.evaluate sends its images through it where its `through` says so.");
  spec.example(R"([node.resized]
type = "augment.resize"
from = "augmented"
height = 28
width = 20)");
  describe_size(spec);
  spec.param("interpolation", &Resize::interpolation)
      .names({{"area", Method::area}, {"bilinear", Method::bilinear}})
      .doc(
          "the mean of the area that a pixel covers, right for shrinking; or between the four nearest "
          "pixels");
  spec.check(&Resize::check);
}

AnyBatch Resize::apply(AnyBatch batch, const Item&) const {
  Images& images = images_of(batch);
  Images resized(images.count, images.channels, target_height(), target_width());
  tbb::parallel_for(std::size_t{0}, images.count, [&](std::size_t i) {
    for (std::size_t channel = 0; channel < images.channels; ++channel) {
      cv::Mat to = cv_plane(resized, i, channel);
      cv::resize(cv_plane(images, i, channel), to, to.size(), 0, 0,
                 interpolation == Method::area ? cv::INTER_AREA : cv::INTER_LINEAR);
    }
  });
  images = std::move(resized);
  return batch;
}

TWINFLOW_NODE("augment.resize", Resize)

}  // namespace twinflow::augment
