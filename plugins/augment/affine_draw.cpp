#include "affine_draw.h"

#include <cmath>

namespace twinflow::augment {
namespace {

double shift_unit(const Around<0>& range, std::size_t size) {
  const bool fraction = std::abs(range.low) < 1 && std::abs(range.high) < 1;
  return fraction ? static_cast<double>(size) : 1.0;
}

}  // namespace

void AffineProbabilities::describe(TableSpec<AffineProbabilities>& spec) {
  spec.name("'probabilities'").summary("How likely single components are, in place of `probability`.");
  const auto param = [&](const char* key, std::optional<double> AffineProbabilities::*member,
                         const char* what) { spec.param(key, member).range(0, 1).doc(what); };
  param("rotation", &AffineProbabilities::rotation, "that there is a turn");
  param("width_shift", &AffineProbabilities::width_shift, "that there is a shift to the left or right");
  param("height_shift", &AffineProbabilities::height_shift, "that there is a shift up or down");
  param("shear", &AffineProbabilities::shear, "that there is a shear");
  param("zoom", &AffineProbabilities::zoom, "that an axis is zoomed, each by itself");
  param("channel_shift", &AffineProbabilities::channel_shift, "that values are shifted");
  param("brightness", &AffineProbabilities::brightness, "that values are multiplied");
}

AffineChange draw_change(const AffineRanges& ranges, std::size_t height, std::size_t width, Random& random) {
  const AffineProbabilities& own = ranges.probabilities;
  const auto draw = [&](double low, double high, double none, const std::optional<double>& probability) {
    const double value = random.uniform(low, high);
    return random.coin(probability.value_or(ranges.probability)) ? value : none;
  };
  const auto around = [&](const auto& range, double none, const std::optional<double>& probability) {
    return draw(range.low, range.high, none, probability);
  };
  const auto draw_zoom = [&] {
    if (ranges.zoom_scale == ZoomScale::linear) return around(ranges.zoom, 1, own.zoom);
    return std::exp(draw(std::log(ranges.zoom.low), std::log(ranges.zoom.high), 0, own.zoom));
  };

  AffineChange change;
  change.rotation = around(ranges.rotation, 0, own.rotation);
  change.height_shift =
      around(ranges.height_shift, 0, own.height_shift) * shift_unit(ranges.height_shift, height);
  change.width_shift = around(ranges.width_shift, 0, own.width_shift) * shift_unit(ranges.width_shift, width);
  change.shear = around(ranges.shear, 0, own.shear);
  change.zoom_height = draw_zoom();
  change.zoom_width = draw_zoom();
  change.horizontal_flip = random.coin(ranges.horizontal_flip);
  change.vertical_flip = random.coin(ranges.vertical_flip);
  change.channel_shift = around(ranges.channel_shift, 0, own.channel_shift);
  change.brightness = around(ranges.brightness, 1, own.brightness);
  return change;
}

}  // namespace twinflow::augment
