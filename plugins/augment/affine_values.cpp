#include "affine_values.h"

#include <algorithm>

namespace twinflow::augment {

void change_values(float* image, std::size_t size, const AffineChange& change) {
  if (change.channel_shift != 0) {
    const auto [least, greatest] = std::minmax_element(image, image + size);
    const float low = *least, high = *greatest, shift = static_cast<float>(change.channel_shift);
    for (std::size_t i = 0; i < size; ++i) image[i] = std::clamp(image[i] + shift, low, high);
  }
  if (change.brightness != 1) {
    const float factor = static_cast<float>(change.brightness);
    for (std::size_t i = 0; i < size; ++i) image[i] = std::clamp(image[i] * factor, 0.0f, 1.0f);
  }
}

}  // namespace twinflow::augment
