#include <array>
#include <opencv2/imgproc.hpp>

#include "each_image.h"
#include "opencv.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

class Blur final : public EachImage {
 public:
  static void describe(NodeSpec<Blur>& spec);
  void open() override { cv::setNumThreads(0); }  // the arena owns the cores

 private:
  void change(Images& images, std::size_t i, Random& random) const override;

  std::array<double, 2> sigma{0.1, 2.0};
};

void Blur::describe(NodeSpec<Blur>& spec) {
  spec.summary("Blurs images with a Gaussian; beside an image stands its edge.");
  spec.example(R"([node.blurred]
type = "augment.blur"
from = "augmented"
sigma = [0.3, 1.5]
probability = 0.5)");
  spec.param("sigma", &Blur::sigma)
      .unit("pixels")
      .range(0, 1000)
      .doc("range of the Gaussian's standard deviation; 0 changes nothing");
  describe_probability(spec);
  describe_twins(spec);
}

void Blur::change(Images& images, std::size_t i, Random& random) const {
  const double drawn = random.uniform(sigma[0], sigma[1]);
  if (drawn == 0) return;  // to OpenCV: not given
  for (std::size_t channel = 0; channel < images.channels; ++channel) {
    cv::Mat plane = cv_plane(images, i, channel);
    double least = 0, greatest = 0;  // rounding may lead a little beyond them
    cv::minMaxLoc(plane, &least, &greatest);
    cv::GaussianBlur(plane, plane, cv::Size(), drawn, drawn, cv::BORDER_REPLICATE);
    cv::min(plane, greatest, plane);
    cv::max(plane, least, plane);
  }
}

TWINFLOW_NODE("augment.blur", Blur)

}  // namespace twinflow::augment
