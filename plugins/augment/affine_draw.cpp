#include "affine_draw.h"

#include <cmath>

namespace twinflow::augment {
namespace {

double shift_unit(const std::array<double, 2>& range, std::size_t size) {
  const bool fraction = std::abs(range[0]) < 1 && std::abs(range[1]) < 1;
  return fraction ? static_cast<double>(size) : 1.0;
}

}  // namespace

AffineChange draw_change(const AffineRanges& ranges, std::size_t height, std::size_t width, Random& random) {
  const auto draw = [&](double low, double high, double none) {
    const double value = random.uniform(low, high);
    return random.coin(ranges.probability) ? value : none;
  };
  const auto draw_zoom = [&] {
    const auto [low, high] = ranges.zoom;
    if (ranges.zoom_scale == ZoomScale::linear) return draw(low, high, 1.0);
    return std::exp(draw(std::log(low), std::log(high), 0.0));
  };

  AffineChange change;
  change.rotation = draw(ranges.rotation[0], ranges.rotation[1], 0);
  change.height_shift =
      draw(ranges.height_shift[0], ranges.height_shift[1], 0) * shift_unit(ranges.height_shift, height);
  change.width_shift =
      draw(ranges.width_shift[0], ranges.width_shift[1], 0) * shift_unit(ranges.width_shift, width);
  change.shear = draw(ranges.shear[0], ranges.shear[1], 0);
  change.zoom_height = draw_zoom();
  change.zoom_width = draw_zoom();
  change.horizontal_flip = random.coin(ranges.horizontal_flip);
  change.vertical_flip = random.coin(ranges.vertical_flip);
  return change;
}

}  // namespace twinflow::augment
