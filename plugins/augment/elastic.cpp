#include <algorithm>
#include <array>
#include <opencv2/imgproc.hpp>

#include "each_image.h"
#include "opencv.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

/// Simard et al. 2003, "Best practices for convolutional neural networks applied to visual document
/// analysis": the pixel (row, column) is read at
///
///     (row, column) + alpha * (G * u)(row, column),    u uniform in [-1, 1) for each pixel and axis,
///
/// where G is a Gaussian of deviation sigma and u is 0 outside of the image. Away from the edges, a pixel
/// moves along each axis by alpha / (2 sqrt(3 pi) sigma) in the quadratic mean: by 1.4 pixels with Simard's
/// alpha = 34 and sigma = 4, for characters of 29 x 29. OpenCV rounds the places to 1/32 of a pixel.
class Elastic final : public EachImage {
 public:
  static void describe(NodeSpec<Elastic>& spec);
  void open() override { cv::setNumThreads(0); }  // the arena owns the cores

 private:
  void change(Images& images, std::size_t i, Random& random) const override;

  std::array<double, 2> alpha{34, 34}, sigma{4, 4};
  Fill fill = Fill::nearest;
  double cval = 0;
};

void Elastic::describe(NodeSpec<Elastic>& spec) {
  spec.summary("Distorts images as if drawn on rubber (Simard et al. 2003).");
  spec.example(R"([node.distorted]
type = "augment.elastic"
from = "augmented"
alpha = [10.0, 34.0]
sigma = [4.0, 4.0])");
  spec.param("alpha", &Elastic::alpha)
      .unit("pixels")
      .range(0, 100000)
      .doc("range of the strength: pixels move by about alpha / (6 sigma) along each axis");
  spec.param("sigma", &Elastic::sigma)
      .unit("pixels")
      .range(0.1, 1000)
      .doc("range of the Gaussian's standard deviation: how far pixels move together");
  spec.param("fill", &Elastic::fill)
      .names(fill_names())
      .doc("what stands outside of the image: its edge, cval, its mirror image or its other side");
  spec.param("cval", &Elastic::cval).doc("the value outside with fill = \"constant\"");
  describe_probability(spec);
  describe_twins(spec);
}

void Elastic::change(Images& images, std::size_t i, Random& random) const {
  const double strength = random.uniform(alpha[0], alpha[1]);
  const double smoothness = random.uniform(sigma[0], sigma[1]);
  const int height = static_cast<int>(images.height), width = static_cast<int>(images.width);
  const auto field = [&] {
    cv::Mat_<float> moves(height, width);
    std::generate(moves.begin(), moves.end(),
                  [&] { return static_cast<float>(random.bits() * 0x1p-31 - 1); });  // [-1, 1)
    cv::GaussianBlur(moves, moves, cv::Size(), smoothness, smoothness, cv::BORDER_CONSTANT);
    return moves;
  };
  cv::Mat_<float> columns = field(), rows = field();
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column) {
      rows(row, column) = static_cast<float>(row + strength * rows(row, column));
      columns(row, column) = static_cast<float>(column + strength * columns(row, column));
    }
  cv::Mat moved;
  for (std::size_t channel = 0; channel < images.channels; ++channel) {
    cv::Mat plane = cv_plane(images, i, channel);
    cv::remap(plane, moved, columns, rows, cv::INTER_LINEAR, cv_border(fill), cv::Scalar(cval));
    moved.copyTo(plane);
  }
}

TWINFLOW_NODE("augment.elastic", Elastic)

}  // namespace twinflow::augment
