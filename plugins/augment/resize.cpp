#include <tbb/parallel_for.h>

#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

class Resize final : public Map<AnyBatch, AnyBatch> {
 public:
  static void describe(NodeSpec<Resize>& spec);
  void check(const Checking& checking) const;
  void open() override { cv::setNumThreads(0); }  // the arena owns the cores
  AnyBatch apply(AnyBatch batch, const Item& item) const override;

 private:
  enum class Method { area, bilinear };

  std::size_t size = 0, height = 0, width = 0;  // pixels; 0: not given
  Method interpolation = Method::area;
};

void Resize::describe(NodeSpec<Resize>& spec) {
  spec.summary("Gives all images another size.");
  spec.example(R"([node.resized]
type = "augment.resize"
from = "augmented"
height = 28
width = 20)");
  spec.param("size", &Resize::size).unit("pixels").range(0, 32767).doc("height and width in one");
  spec.param("height", &Resize::height).unit("pixels").range(0, 32767).doc("height, where size is not given");
  spec.param("width", &Resize::width).unit("pixels").range(0, 32767).doc("width, where size is not given");
  spec.param("interpolation", &Resize::interpolation)
      .names({{"area", Method::area}, {"bilinear", Method::bilinear}})
      .doc(
          "the mean of the area that a pixel covers, right for shrinking; or between the four nearest "
          "pixels");
  spec.check(&Resize::check);
}

void Resize::check(const Checking& checking) const {
  if (size > 0 ? height > 0 || width > 0 : height == 0 || width == 0)
    checking.error("size", "needs either size, or height and width");
}

AnyBatch Resize::apply(AnyBatch batch, const Item&) const {
  Images& images = images_of(batch);
  Images resized(images.count, images.channels, size > 0 ? size : height, size > 0 ? size : width);
  const auto plane = [](Images& of, std::size_t i, std::size_t channel) {
    return cv::Mat(static_cast<int>(of.height), static_cast<int>(of.width), CV_32F, of.plane(i, channel));
  };
  tbb::parallel_for(std::size_t{0}, images.count, [&](std::size_t i) {
    for (std::size_t channel = 0; channel < images.channels; ++channel) {
      cv::Mat to = plane(resized, i, channel);
      cv::resize(plane(images, i, channel), to, to.size(), 0, 0,
                 interpolation == Method::area ? cv::INTER_AREA : cv::INTER_LINEAR);
    }
  });
  images = std::move(resized);
  return batch;
}

TWINFLOW_NODE("augment.resize", Resize)

}  // namespace twinflow::augment
